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
