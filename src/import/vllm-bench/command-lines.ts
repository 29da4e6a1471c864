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
  for (const { line, parts } of logicalLines(text)) {
    if (isAside(line)) continue
    const place = placeOf(name, parts[0]?.number ?? 1, 0)
    const refuse = (message: string, suggestion: string | null) =>
      findings.push({ place, key: null, message, suggestion })
    const head = COMMAND.exec(line)?.[0]
    if (head === undefined) {
      refuse('this line is no `vllm bench serve`', 'leave it out, or measure it with `llem exec --`')
      continue
    }
    // Each line of it begins an argument anew, so that each knows where it stands.
    const [first, ...others] = parts
    const rest = [
      {
        number: first?.number ?? 1,
        text: ' '.repeat(head.length) + line.slice(head.length, first?.text.length),
      },
      ...others,
    ]
    const syntax = /[|&;<>`$]/.exec(line.slice(head.length).replace(/'[^']*'/g, ''))
    if (syntax !== null)
      refuse(
        `${syntax[0]} is for a shell to read`,
        'write the value itself, and leave pipes and redirections out',
      )
    commands.push({ place, args: rest.flatMap((part) => argumentsOf(part, name, findings)) })
  }
  return { commands, findings }
}

interface Part {
  text: string
  number: number
}

function argumentsOf({ text, number }: Part, name: string, findings: Finding[]): Argument[] {
  let from = 0
  try {
    return split(text).map((each) => {
      const found = text.indexOf(each.slice(0, 8), from)
      from = found < 0 ? from : found + each.length
      return { text: each, place: placeOf(name, number, Math.max(found, 0)) }
    })
  } catch {
    const place = placeOf(name, number, 0)
    findings.push({ place, key: null, message: 'a quote is not closed on its line', suggestion: null })
    return []
  }
}

function placeOf(name: string, line: number, at: number): Place {
  return { where: `${name}:${line}:${at + 1}`, order: line * 100_000 + at }
}

/** Lines that end with a backslash go on. */
function logicalLines(text: string): { line: string; parts: Part[] }[] {
  const lines: { line: string; parts: Part[] }[] = []
  let goesOn = false
  for (const [index, whole] of text.split(/\r?\n/).entries()) {
    const raw = withoutComment(whole)
    const trimmed = raw.trimEnd()
    const part = { text: trimmed.endsWith('\\') ? trimmed.slice(0, -1) : raw, number: index + 1 }
    const last = lines.at(-1)
    if (goesOn && last !== undefined) {
      last.line += ` ${part.text.trim()}`
      last.parts.push(part)
    } else lines.push({ line: part.text, parts: [part] })
    goesOn = trimmed.endsWith('\\')
  }
  return lines
}

/** What a shell reads of a line: up to a `#` that begins a word outside of quotes. */
function withoutComment(line: string): string {
  let quote = ''
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] as string
    if (char === '\\' && quote !== "'") at += 1
    else if (quote !== '') quote = char === quote ? '' : quote
    else if (char === '"' || char === "'") quote = char
    else if (char === '#' && /\s/.test(line[at - 1] ?? '')) return line.slice(0, at)
  }
  return line
}

/** Nothing to run, or how a script begins. */
function isAside(line: string): boolean {
  return /^\s*(#|$|set\s+[-+]|export\s+\w+=)/.test(line)
}
