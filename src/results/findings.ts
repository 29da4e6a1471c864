// What is done with findings (finding.ts) once they are there. It loads nothing: whoever opens a meter may have some to tell.

import type { DeviceFinding, Finding } from './finding.js'

export type { DeviceFinding, Finding }

/** A warning about a measurement as a whole. */
export function warning(code: string, text: string): Finding {
  return { code, severity: 'warning', text, devices: [], count: 1 }
}

/** The findings of each GPU in one list: equal ones are one, with how many they were. */
export function folded(devices: readonly { index: number; findings: readonly DeviceFinding[] }[]): Finding[] {
  const all = new Map<string, Finding>()
  for (const { index, findings } of devices)
    for (const { code, severity, text } of findings) {
      const key = JSON.stringify([code, severity, text])
      const known = all.get(key) ?? { code, severity, text, devices: [], count: 0 }
      const devices = known.devices.includes(index) ? known.devices : [...known.devices, index]
      all.set(key, { ...known, devices, count: known.count + 1 })
    }
  return [...all.values()]
}

/** Several equal findings about no GPU in particular as one. */
export function withoutRepetitions(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((each) => [JSON.stringify(each), each])).values()]
}

/** The line of `measurement_warnings`: "code: text". */
export function lineOf({ code, text }: Pick<Finding, 'code' | 'text'>): string {
  return `${code}: ${text}`
}

/** `measurement_warnings`: what is grave among the findings, each text once. */
export function warningLines(findings: readonly Finding[]): string[] {
  return [...new Set(findings.filter(({ severity }) => severity === 'warning').map(lineOf))]
}

/** For a person: "Warning: code: text (GPU 3)", or "(4 GPUs)" where several have it. `of`: how many GPUs were measured. */
export function spoken(finding: Finding, of: number): string {
  const { severity, devices, count } = finding
  const gpus = devices.length
  const which = gpus > 1 ? `${gpus} GPUs` : of > 1 && gpus === 1 ? `GPU ${devices[0]}` : null
  const often = count > Math.max(gpus, 1) ? `${count} times` : null
  const both = [which, often].filter((part) => part !== null).join(', ')
  const where = both === '' ? '' : ` (${both})`
  return `${severity === 'warning' ? 'Warning' : 'Note'}: ${lineOf(finding)}${where}`
}

/** A line of `measurement_warnings` of a result that had nothing else. */
export function findingOfLine(line: string): Finding {
  const [, code = 'warning', text = line] = /^(\w+): (.*)$/s.exec(line) ?? []
  return warning(code, text)
}
