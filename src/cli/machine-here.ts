// What of a machine decides how a first number is had: its GPUs, the servers that answer, the models near.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { listBackends } from '../backends/list.js'
import { type FoundServer, findServers, usualUrls } from '../backends/server/find-servers.js'
import { messageOf } from '../core/errors.js'
import { dataDir } from '../core/paths.js'
import { printable } from '../core/printable.js'
import { readGgufModel } from '../models/gguf/file.js'
import { listDevices } from '../native/machine.js'

/** Nobody waits longer for a hint. */
const PATIENCE_MS = 3000

/** Nobody chooses among more. */
const MOST_FILES = 20

export interface MachineHere {
  /** "0 NVIDIA H200" */
  gpus: string[]
  /** Why there are none. */
  whyNone: string
  servers: FoundServer[]
  /** GGUF files, by their paths from here. */
  models: string[]
  /** Whether llamacpp is installed and whole. */
  hasBackend: boolean
}

/** Never rejects. */
export async function machineHere(): Promise<MachineHere> {
  const [gpus, servers] = await Promise.all([gpusHere(), findServers(usualUrls())])
  return { ...gpus, servers, models: modelFiles(), hasBackend: hasLlamacpp() }
}

function hasLlamacpp(): boolean {
  return listBackends(dataDir()).some(({ name, problem }) => name === 'llamacpp' && problem === null)
}

async function gpusHere(): Promise<Pick<MachineHere, 'gpus' | 'whyNone'>> {
  try {
    const { devices } = await listDevices(undefined, PATIENCE_MS)
    const gpus = devices.map(({ index, name }) => `${index} ${printable(name ?? 'without a name')}`)
    return { gpus, whyNone: 'the driver sees none' }
  } catch (error) {
    return { gpus: [], whyNone: messageOf(error).replace(/\.$/, '') }
  }
}

/** Whether all of it is there: a download that was cut off is no model. */
function isWhole(path: string): boolean {
  try {
    readGgufModel(path)
    return true
  } catch {
    return false
  }
}

/** Of the folder in which llem was started, then of a folder `models` in it. */
function modelFiles(): string[] {
  return ['.', 'models'].flatMap((folder) => {
    try {
      const names = readdirSync(folder).filter((name) => name.endsWith('.gguf'))
      return names
        .sort()
        .map((name) => join(folder, name))
        .slice(0, MOST_FILES)
        .filter(isWhole)
    } catch {
      // What cannot be read has none.
      return []
    }
  })
}
