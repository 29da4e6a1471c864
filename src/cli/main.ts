// argv -> one of COMMANDS -> exit code. Errors become exit codes here and nowhere else.

import { Command, CommanderError } from 'commander'
import { llemVersion } from '../core/version.js'
import { COMMANDS } from './commands.js'
import { EXIT, Exit, reportError } from './exit.js'

/** Runs one command line. Resolves with the exit code; never rejects. */
export async function main(args: readonly string[]): Promise<number> {
  // A reader that goes away (`llem devices | head -1`) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
  })
  const verbose = args.includes('-v') || args.includes('--verbose')
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

function buildProgram(): Command {
  const program = new Command('llem')
    .description('Measures what LLM inference costs in energy: joules per token, and how sure we are.')
    .version(llemVersion(), '-V, --version', 'print the version')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(text) })
    .addHelpText(
      'after',
      '\nExamples:\n  llem exec -- python generate.py   measure a command\n  llem run -m model.gguf            measure a model\n',
    )
  for (const { name, define } of COMMANDS) {
    const command = program.command(name)
    define(command)
    inherit(command)
  }
  return program
}

/** Commander hands its settings down to commands only when they are made by hand. */
function inherit(command: Command): void {
  command.exitOverride().showSuggestionAfterError()
  for (const nested of command.commands) inherit(nested)
}
