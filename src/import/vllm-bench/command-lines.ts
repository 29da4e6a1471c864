// A text with command lines of `vllm bench serve`, as in a shell script -> their arguments and where each stands.

import { split } from 'shlex'
import type { Finding, Place } from '../../config/problems.js'

const COMMAND =
  /^\s*(?:\$\s+)?(?:\w+=\S+\s+)*(?:\S*\/)?(?:vllm\s+bench\s+serve|python3?\s+\S*benchmark_serving\.py)(?=\s|$)/

export interface Argument {
  text: string
  place: Place
}

export interface BenchCommand {
  args: Argument[]
  place: Place
}

/** Whether the first line that says something is such a command. */
export function isBenchCommand(text: string): boolean {
  const first = logicalLines(text).find(({ line }) => !isAside(line))
  return first !== undefined && COMMAND.test(first.line)
}

/** All commands of a text. What only a shell understands is a finding. */
export function benchCommands(text: string, name: string): { commands: BenchCommand[]; findings: Finding[] } {
  const commands: BenchCommand[] = []
  const findings: Finding[] = []
  for (const { line, number } of logicalLines(text)) {
    if (isAside(line)) continue
    const place = { where: `${name}:${number}:1`, order: number * 1000 }
    const refuse = (message: string, suggestion: string) =>
      findings.push({ place, key: null, message, suggestion })
    const head = COMMAND.exec(line)?.[0]
    if (head === undefined)
      refuse('this line is no `vllm bench serve`', 'leave it out, or measure it with `llem exec --`')
    else {
      const rest = line.slice(head.length)
      const syntax = /[|&;<>`$]/.exec(rest.replace(/'[^']*'/g, ''))
      if (syntax !== null)
        refuse(
          `${syntax[0]} is for a shell to read`,
          'write the value itself, and leave pipes and redirections out',
        )
      else commands.push({ place, args: argumentsOf(rest, place, findings) })
    }
  }
  return { commands, findings }
}

function argumentsOf(text: string, place: Place, findings: Finding[]): Argument[] {
  try {
    return split(text).map((each, index) => ({
      text: each,
      place: { ...place, order: place.order + index },
    }))
  } catch {
    findings.push({ place, key: null, message: 'a quote is not closed', suggestion: null })
    return []
  }
}

/** Lines that end with a backslash go on. */
function logicalLines(text: string): { line: string; number: number }[] {
  const lines: { line: string; number: number }[] = []
  let goesOn = false
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const trimmed = raw.trimEnd()
    const part = trimmed.endsWith('\\') ? trimmed.slice(0, -1) : raw
    const last = lines.at(-1)
    if (goesOn && last !== undefined) last.line += ` ${part.trim()}`
    else lines.push({ line: part, number: index + 1 })
    goesOn = trimmed.endsWith('\\')
  }
  return lines
}

/** Nothing to run, or how a script begins. */
function isAside(line: string): boolean {
  return /^\s*(#|$|set\s+[-+]|export\s+\w+=)/.test(line)
}
