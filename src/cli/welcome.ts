// `llem` alone in a terminal: the shortest way to a first number on this machine, by what there is.

import { readdirSync } from 'node:fs'
import { type FoundServer, findServers, usualUrls } from '../backends/server/find-servers.js'
import { messageOf } from '../core/errors.js'
import { printable } from '../core/printable.js'
import { listDevices } from '../native/machine.js'
import { print } from './screen.js'
import { serverCommand } from './server-command.js'
import { shellWord } from './shell-word.js'

/** Nobody waits longer for a hint. */
const PATIENCE_MS = 3000

interface Way {
  command: string
  meaning: string
}

/** Prints what this machine has and what to type. Never rejects. */
export async function welcome(): Promise<void> {
  const [gpus, servers] = await Promise.all([gpusHere(), findServers(usualUrls())])
  const ways = waysOf(gpus.names.length > 0, servers, modelFiles())
  const width = Math.max(...ways.map(({ command }) => command.length))
  print(
    [
      'llem measures what LLM inference costs in energy: joules per token, and how sure we are.',
      '',
      `  GPUs      ${gpus.names.length > 0 ? gpus.names.join(', ') : `none: ${gpus.why}`}`,
      `  servers   ${servers.length > 0 ? servers.map(serverText).join(', ') : 'none at the usual ports'}`,
      '',
      'A first number:',
      ...ways.map(({ command, meaning }) =>
        // Side by side where a narrow terminal has room for both.
        width + meaning.length + 4 <= (process.stdout.columns || 80)
          ? `  ${command.padEnd(width)}  ${meaning}`
          : `  ${command}\n      ${meaning}`,
      ),
      '',
      'All commands: llem --help',
    ].join('\n'),
  )
}

async function gpusHere(): Promise<{ names: string[]; why: string }> {
  try {
    const { devices } = await listDevices(undefined, PATIENCE_MS)
    return {
      names: devices.map(({ index, name }) => `${index} ${printable(name ?? 'without a name')}`),
      why: 'the driver sees none',
    }
  } catch (error) {
    return { names: [], why: messageOf(error).replace(/\.$/, '') }
  }
}

function serverText({ url, engine, models }: FoundServer): string {
  const count = models === null ? '' : `, ${models.length} model${models.length === 1 ? '' : 's'}`
  return `${url} (${engine ?? 'unknown engine'}${count})`
}

/** GGUF files of the folder in which llem was started; what cannot be read has none. */
function modelFiles(): string[] {
  try {
    return readdirSync('.').filter((name) => name.endsWith('.gguf'))
  } catch {
    return []
  }
}

function waysOf(hasGpu: boolean, servers: readonly FoundServer[], files: readonly string[]): Way[] {
  const simulated = hasGpu ? '' : ' --simulate'
  const [file] = files
  const ways: Way[] = servers
    .filter(({ models }) => models?.[0] !== undefined)
    .map((server) => ({ command: serverCommand(server, simulated), meaning: 'that server under load' }))
  if (file !== undefined)
    ways.push({ command: `llem run -m ${shellWord(file)}${simulated}`, meaning: 'a model of this folder' })
  ways.push({ command: `llem exec${simulated} -- sleep 1`, meaning: 'any command' })
  if (!hasGpu)
    ways.push({ command: 'llem devices -v', meaning: 'what this machine can measure, and why not' })
  return ways.slice(0, 4)
}
