// argv -> one of COMMANDS -> exit code. Errors become exit codes here and nowhere else.

import { Command, CommanderError } from 'commander'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { listedNames } from '../core/foreign-text.js'
import { maskStream } from '../core/masked-output.js'
import { printableLines } from '../core/printable.js'
import { learnEnvironment, learnSecrets } from '../core/secrets.js'
import { llemVersion } from '../core/version.js'
import { containCrashes } from '../native/addon.js'
import { outliveTerminal } from './closed-terminal.js'
import { COMMANDS } from './commands.js'
import { EXIT, Exit, reportError } from './exit.js'
import { listScenariosWhenAsked } from './scenarios.js'

/** Runs one command line. Resolves with the exit code; never rejects. */
export async function main(args: readonly string[]): Promise<number> {
  learnEnvironment(process.env)
  learnSecrets(args)
  outliveTerminal()
  containCrashes()
  watchStreams()
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  const verbose = own.includes('-v') || own.includes('--verbose')
  try {
    if (args.length === 0 && process.stdout.isTTY) {
      const { welcome } = await import('./welcome.js')
      await welcome()
      return EXIT.ok
    }
    const program = buildProgram()
    await program.parseAsync(helpAsked(program, args), { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof Exit) return error.exitCode
    // Commander has printed its message already; its help and version end with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    return reportError(error, verbose)
  }
}

/** `llem help nonsense` is refused like `llem nonsense`; commander would show the help of llem, and not say why. */
function helpAsked(program: Command, args: readonly string[]): string[] {
  const [first, word] = args
  const isKnown = program.commands.some((command) => command.name() === word)
  return first === 'help' && word !== undefined && word !== 'help' && !isKnown ? [word] : [...args]
}

function watchStreams(): void {
  for (const stream of [process.stdout, process.stderr]) maskStream(stream)
  const wasTerminal = process.stdout.isTTY === true
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that goes away (`llem devices | head -1`) is no error; a full disk is.
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    // A terminal that was closed: SIGHUP tells that too, and what is being measured ends cleanly by it.
    if (error.code === 'EIO' && wasTerminal) return
    const problem = new LlemError(`What llem prints could not be written: ${error.message}.`, {
      code: 'STDOUT_NOT_WRITABLE',
      hint: 'Make room where stdout goes to; a result that was measured is in its folder.',
    })
    process.exit(reportError(problem, false))
  })
  // Nobody may be reading the progress any more, which is no reason to end a measurement.
  process.stderr.on('error', () => undefined)
}

function buildProgram(): Command {
  const program = new Command('llem')
    .description('Measures what LLM inference costs in energy: joules per token, and how sure we are.')
    .version(llemVersion(), '-V, --version', 'print the version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .addHelpText(
      'after',
      '\nExamples:\n  llem exec -- python generate.py   measure a command\n  llem run -m model.gguf            measure a model\n',
    )
  for (const { name, define } of COMMANDS) define(program.command(name))
  program.commands.forEach(listScenariosWhenAsked)
  tellUsageErrors(program, 'llem')
  return program
}

const EXAMPLES_AFTER_DASHES: Readonly<Record<string, string>> = {
  exec: 'llem exec -- sleep 1',
  attach: 'llem attach -- llama-bench -m model.gguf',
}

/** What commander has no suggestion for. */
function adviceFor(command: Command, typed: string, message: string): string | undefined {
  const example = EXAMPLES_AFTER_DASHES[command.name()]
  if (example !== undefined && message.startsWith('missing required argument'))
    return `It stands after --, as in \`${example}\`.`
  const [word = ''] = command.args
  if (!message.startsWith('too many arguments') || command.commands.length === 0) return undefined
  // The name of a nested command was taken for the argument.
  const visible = command.createHelp().visibleCommands(command)
  const names = visible.map((nested) => nested.name()).filter((name) => name !== 'help')
  const meant = closest(word, names)
  return meant === null ? `It has the commands ${listedNames(names)}.` : `Did you mean ${typed} ${meant}?`
}

/** Commander's "error: unknown option '--jsn'\n(Did you mean --json?)" in the form of llem's other errors. */
function tellUsageErrors(command: Command, typed: string): void {
  command.configureOutput({
    outputError: (text, write) => {
      const [, message = text.trim(), suggestion] = /^error: ([\s\S]*?)(?:\n\((.*)\))?\s*$/.exec(text) ?? []
      const advice = suggestion ?? adviceFor(command, typed, message)
      const sentences = [message.replace(/\.?$/, '.'), advice, `See \`${typed} --help\`.`]
      const told = sentences.filter((sentence) => sentence !== undefined).join(' ')
      write(`llem: ${printableLines(told)} [USAGE]\n`)
    },
  })
  for (const nested of command.commands) tellUsageErrors(nested, `${typed} ${nested.name()}`)
}
