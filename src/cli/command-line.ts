import { type Command, InvalidArgumentError } from 'commander'

/** Something to type after `llem`. Its code is imported when it is typed. */
export interface CommandLine {
  name: string
  define(command: Command): void
}

/** The examples below the help of a command. */
export function examples(...lines: [command: string, meaning: string][]): string {
  const width = Math.max(...lines.map(([command]) => command.length))
  return `\nExamples:\n${lines.map(([command, meaning]) => `  ${command.padEnd(width)}  ${meaning}`.trimEnd()).join('\n')}\n`
}

/** Each time that an option is typed. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value]
}

/** "3%", "3 %" or "3" as a share: 0.03. */
export function share(text: string): number {
  const [, number = ''] = /^\s*(\d+(?:\.\d+)?|\.\d+)\s*%?\s*$/.exec(text) ?? []
  const percent = Number(number)
  if (number === '' || !(percent > 0 && percent < 100))
    throw new InvalidArgumentError('It must be a percentage between 0 and 100, as in 3%.')
  return percent / 100
}

/** An option of all that measures. */
export const SIMULATE = [
  '--simulate [scenario]',
  'measure a simulated GPU: the built-in one, or a scenario by its file or name (help lists the names)',
] as const

/** Also for what the command starts. */
export function withShare(command: Command): Command {
  return command
    .option(
      '--share',
      'do not wait for another llem that measures a load on the same GPU: the joules then stand in both results, and both say so',
    )
    .on('option:share', () => {
      process.env.LLEM_SHARE_GPUS = '1'
    })
}

/** Milliseconds. */
export function interval(text: string): number {
  const value = Number(text)
  if (!(value >= 1 && value <= 5000))
    throw new InvalidArgumentError('It must be a number from 1 to 5000 (ms).')
  return value
}

/** "0,GPU-..." */
export function deviceList(text: string): (number | string)[] {
  const entries = text.split(',').map((entry) => entry.trim())
  if (entries.includes('')) throw new InvalidArgumentError('It must be indices or UUIDs separated by commas.')
  return entries.map((entry) => (/^\d+$/.test(entry) ? Number(entry) : entry))
}
