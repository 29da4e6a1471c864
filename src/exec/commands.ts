// What was typed after -- and -L -> the commands that are compared, or all that is wrong with them.

import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { shortened } from '../core/foreign-text.js'
import { combinations, isUsed, parameterOf, problemsOf, substituted, type Values } from './parameters.js'
import { splitLine } from './split-line.js'

export interface Command {
  /** For people and exports: as typed, or as --command-name says. No two have the same. */
  name: string
  args: string[]
  parameters: Values
  /** Run before each of its runs, outside of what is measured; null: nothing. */
  prepare: string[] | null
}

/** What is compared, and what is run once before and after all of it. */
export interface Commands {
  commands: Command[]
  setup: string[][]
  cleanup: string[][]
}

/** As it was typed. */
export interface TypedCommands {
  lines: readonly string[]
  /** "name=v1,v2" */
  parameters: readonly string[]
  /** One for all lines, or one each. */
  prepare: readonly string[]
  setup: string | undefined
  cleanup: string | undefined
  names: readonly string[]
  /** The shell that reads the lines, as one line itself; null: none, they are split. */
  readBy: string | null
}

/** More would take longer than anybody waits, and is mostly a mistake in -L. */
const MOST_COMMANDS = 100

/** What is wrong goes to `problems`, all of it; null where something is. */
export function commandsOf(typed: TypedCommands, problems: string[]): Commands | null {
  const { lines, prepare, names, setup, cleanup } = typed
  const before = problems.length
  const parameters = typed.parameters.flatMap((each) => parameterOf(each, problems) ?? [])
  const texts = [...lines, ...prepare, ...names, ...[setup, cleanup].flatMap((each) => each ?? [])]
  problems.push(...problemsOf(parameters, texts))
  if (prepare.length > 1 && prepare.length !== lines.length)
    problems.push(
      `--prepare is given ${prepare.length} times for ${lines.length} command lines: once for all of them, or once for each`,
    )
  if (names.length > lines.length)
    problems.push(`--command-name is given ${names.length} times for ${lines.length} command lines`)
  const all = combinations(parameters)
  const isTooMany = lines.length * all.length > MOST_COMMANDS
  if (isTooMany) problems.push(`${lines.length * all.length} commands are too many: ${MOST_COMMANDS} at most`)
  const read = readerOf(typed.readBy, problems)
  const readLines = lines.map((line) => read(line, 'command'))
  const prepares = prepare.map((line) => read(line, '--prepare'))
  const setups = setup === undefined ? null : read(setup, '--setup')
  const cleanups = cleanup === undefined ? null : read(cleanup, '--cleanup')
  if (isTooMany) return null
  const commands = readLines.flatMap((argsFor, place) =>
    all.map((values): Command => {
      const base = names[place] ?? (lines[place] as string)
      return {
        name: named(base, values),
        args: argsFor(values),
        parameters: values,
        prepare: (prepares.length === 1 ? prepares[0] : prepares[place])?.(values) ?? null,
      }
    }),
  )
  // What prepares may make the program.
  if (prepare.length === 0 && setup === undefined) problems.push(...missingPrograms(commands, lines.length))
  if (problems.length > before) return null
  const once = (argsFor: ((values: Values) => string[]) | null) =>
    distinct(argsFor === null ? [] : all.map(argsFor))
  return { commands: withDistinctNames(commands), setup: once(setups), cleanup: once(cleanups) }
}

/** How a line becomes arguments, for each combination of parameters. */
function readerOf(
  shell: string | null,
  problems: string[],
): (line: string, what: string) => (values: Values) => string[] {
  const refuse = (what: string, line: string, problem: string) => {
    problems.push(`${what} ${JSON.stringify(shortened(line))}: ${problem}`)
    return () => []
  }
  if (shell === null)
    return (line, what) => {
      const split = splitLine(line)
      if ('problem' in split) return refuse(what, line, split.problem)
      // Split first: a value with spaces, or with a quote in it, stays inside of its argument.
      return (values) => split.args.map((argument) => substituted(argument, values))
    }
  const split = splitLine(shell)
  if ('problem' in split) {
    refuse('--shell', shell, split.problem)
    return () => () => []
  }
  if (!canRun(split.args[0] as string)) problems.push(`--shell ${shortened(shell)}: there is no such program`)
  return (line, what) =>
    line.trim() === ''
      ? refuse(what, line, 'there is no command in it')
      : (values) => [...split.args, '-c', substituted(line, values)]
}

/** "sleep 1", or with a parameter that is not in it "sleep 1 (gpu = 0)". */
function named(base: string, values: Values): string {
  const unused = Object.entries(values).filter(([name]) => !isUsed(name, [base]))
  const rest = unused.map(([name, value]) => `${name} = ${value}`).join(', ')
  return `${substituted(base, values)}${rest === '' ? '' : ` (${rest})`}`
}

/** The same command twice is a fair question: how far does it differ from itself? */
function withDistinctNames(commands: readonly Command[]): Command[] {
  const seen = new Map<string, number>()
  return commands.map((command) => {
    const times = (seen.get(command.name) ?? 0) + 1
    seen.set(command.name, times)
    return times === 1 ? command : { ...command, name: `${command.name} (${times})` }
  })
}

/** Lines that could not be read have no program. */
function missingPrograms(commands: readonly Command[], lines: number): string[] {
  const programs = [...new Set(commands.flatMap(({ args }) => args[0] ?? []))].filter((each) => !canRun(each))
  // `llem exec --runs 10 -- sleep 1`, as one types it without --runs.
  const isOneCommand =
    lines > 1 && commands.every(({ args }) => args.length === 1) && canRun(commands[0]?.args[0] ?? '')
  const whole = commands.map(({ args }) => args[0]).join(' ')
  const advice = isOneCommand
    ? `; with --runs a command line is one argument, as in ${JSON.stringify(shortened(whole))}`
    : ''
  return programs.map(
    (program) => `command ${JSON.stringify(shortened(program))}: there is no such program${advice}`,
  )
}

function canRun(program: string): boolean {
  const places = program.includes('/')
    ? [program]
    : (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder || '.', program))
  return places.some((path) => {
    try {
      accessSync(path, constants.X_OK)
      return statSync(path).isFile()
    } catch {
      return false
    }
  })
}

function distinct(all: readonly string[][]): string[][] {
  return [...new Map(all.map((args) => [JSON.stringify(args), args])).values()]
}
