// `llem` alone in a terminal: the shortest way to a first number on this machine, by what there is.

import type { FoundServer } from '../backends/server/find-servers.js'
import { machineHere } from './machine-here.js'
import { print } from './screen.js'
import { serverCommand } from './server-command.js'
import { shellWord } from './shell-word.js'

interface Way {
  command: string
  meaning: string
}

/** Prints what this machine has and what to type. Never rejects. */
export async function welcome(): Promise<void> {
  const { gpus, whyNone, servers, models } = await machineHere()
  const ways = waysOf(gpus.length > 0, servers, models)
  const width = Math.max(...ways.map(({ command }) => command.length))
  print(
    [
      'llem measures what LLM inference costs in energy: joules per token, and how sure we are.',
      '',
      `  GPUs      ${gpus.length > 0 ? gpus.join(', ') : `none: ${whyNone}`}`,
      `  servers   ${servers.length > 0 ? servers.map(serverText).join(', ') : 'none at the usual ports'}`,
      '',
      ...(isByNpx()
        ? ['A first number, the second of two commands (20 s for both with nothing in the cache of npm):']
        : ['A first number:']),
      ...ways.map(({ command, meaning }) =>
        // Side by side where a narrow terminal has room for both.
        width + meaning.length + 4 <= (process.stdout.columns || 80)
          ? `  ${command.padEnd(width)}  ${meaning}`
          : `  ${command}\n      ${meaning}`,
      ),
      '',
      `All commands: ${typed()} --help`,
    ].join('\n'),
  )
}

function serverText({ url, engine, models }: FoundServer): string {
  const count = models === null ? '' : `, ${models.length} model${models.length === 1 ? '' : 's'}`
  return `${url} (${engine ?? 'unknown engine'}${count})`
}

function waysOf(hasGpu: boolean, servers: readonly FoundServer[], files: readonly string[]): Way[] {
  const simulated = hasGpu ? '' : ' --simulate'
  const [file] = files
  const ways: Way[] = servers
    .filter(({ models }) => models?.[0] !== undefined)
    .map((server) => ({
      command: serverCommand(server, simulated).replace(/^llem/, typed()),
      meaning: 'that server under load',
    }))
  if (file !== undefined)
    ways.push({
      command: `${typed()} run -m ${shellWord(file)}${simulated}`,
      meaning: 'a model of this folder',
    })
  ways.push({ command: `${typed()} exec${simulated} -- sleep 1`, meaning: 'any command' })
  ways.push({ command: `${typed()} init`, meaning: 'write an experiment for this machine' })
  if (!hasGpu)
    ways.push({ command: `${typed()} devices -v`, meaning: 'what this machine can measure, and why not' })
  return ways.slice(0, 5)
}

/** Started by npx there is no llem on PATH. */
function isByNpx(): boolean {
  return process.env.npm_lifecycle_event === 'npx'
}

function typed(): string {
  return isByNpx() ? 'npx llem' : 'llem'
}
