// argv -> one of COMMANDS -> exit code. Errors become exit codes here and nowhere else.

import { Command, CommanderError } from 'commander'
import { LlemError } from '../core/errors.js'
import { llemVersion } from '../core/version.js'
import { COMMANDS } from './commands.js'
import { EXIT, Exit, reportError } from './exit.js'

/** Runs one command line. Resolves with the exit code; never rejects. */
export async function main(args: readonly string[]): Promise<number> {
  watchStreams()
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  const verbose = own.includes('-v') || own.includes('--verbose')
  try {
    await buildProgram().parseAsync([...args], { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof Exit) return error.exitCode
    // Commander has printed its message already; its help and version end with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    return reportError(error, verbose)
  }
}

function watchStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader that goes away (`llem devices | head -1`) is no error; a full disk is.
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
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
  tellUsageErrors(program, 'llem')
  return program
}

/** Commander's "error: unknown option '--jsn'\n(Did you mean --json?)" in the form of llem's other errors. */
function tellUsageErrors(command: Command, typed: string): void {
  command.configureOutput({
    outputError: (text, write) => {
      const [, message = text.trim(), suggestion] = /^error: ([\s\S]*?)(?:\n\((.*)\))?\s*$/.exec(text) ?? []
      const sentences = [message.replace(/\.?$/, '.'), suggestion, `See \`${typed} --help\`.`]
      write(`llem: ${sentences.filter((sentence) => sentence !== undefined).join(' ')} [USAGE]\n`)
    },
  })
  for (const nested of command.commands) tellUsageErrors(nested, `${typed} ${nested.name()}`)
}
