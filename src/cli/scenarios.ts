import type { Command } from 'commander'
import { asksForScenarios, namedScenarios } from '../native/scenarios.js'
import { EXIT, Exit } from './exit.js'

/**
 * `--simulate help` lists the scenarios that have names, whatever else the command needs; like --help it ends with 0.
 * Every command loads this file, so it does without the tables of screen.ts.
 */
export function listScenariosWhenAsked(command: Command): void {
  command.on('option:simulate', (given: unknown) => {
    if (!asksForScenarios(given)) return
    const scenarios = namedScenarios()
    const width = Math.max(...scenarios.map(({ name }) => name.length))
    const lines = scenarios.map(({ name, summary }) => `${name.padEnd(width)}  ${summary}\n`)
    process.stdout.write(lines.join(''))
    throw new Exit(EXIT.ok)
  })
  command.commands.forEach(listScenariosWhenAsked)
}
