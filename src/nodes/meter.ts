// The meter of one node: elected, then reading its GPUs from before the measurement to after it, and telling its clock.

import { mkdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import { bootId, nodeName } from '../core/node-name.js'
import { claimGpus, waitTeller } from '../energy/claims.js'
import { chooseLibrary, type LibraryChoice } from '../energy/library.js'
import { type OpenedSampler, openSampler } from '../energy/open.js'
import { gpusGiven } from '../energy/slurm-gpus.js'
import { beginEnergyWindow } from '../energy/window.js'
import type { Energy } from '../results/energy.js'
import { writeJsonAtomically } from '../results/files.js'
import { isElected, type NodeFile, nodeId, readFileOf, type Session, sessionSchema } from './files.js'
import { type Asked, askedSchema, nowNs, type Said, Wire } from './wire.js'

export interface NodeMeterOptions {
  /** The folder that all nodes share. */
  dir: string
  /** Indices or UUIDs; null: those of the job, else all. */
  devices: (number | string)[] | null
  simulate: string | boolean
  say(text: string): void
  /** Ends it, with its files whole. */
  signal: AbortSignal
}

const CONNECT_MS = 5000

/**
 * Measures until the load process says that it is over, is gone, or `signal`. Resolves at once where another task is this
 * node's meter. Throws NODES_FOLDER_INVALID, NODES_UNREACHABLE, and what opening the GPUs throws.
 */
export async function meterNode(options: NodeMeterOptions): Promise<void> {
  const { dir, say, signal } = options
  const session = sessionIn(dir)
  const [node, boot] = [nodeName(), bootId()]
  const id = nodeId(node, boot)
  if (!isElected(dir, id)) return say(`another task is the meter of ${node}`)
  const over = new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  const { wire, ended } = await joinLoad(session, node, boot)
  try {
    const library = chooseLibrary(options.simulate || session.simulated)
    await measure(options, { session, library, node, boot, wire }, Promise.race([over, ended, wire.closed]))
    wire.say({ ended: true })
  } catch (error) {
    wire.say({ failed: messageOf(error).slice(0, 1000) })
    throw error
  } finally {
    wire.end()
  }
}

interface Joined {
  session: Session
  library: LibraryChoice
  node: string
  boot: string
  wire: Wire<Asked, Said>
}

async function measure(
  { dir, devices, say }: NodeMeterOptions,
  { session, library, node, boot, wire }: Joined,
  over: Promise<void>,
): Promise<void> {
  const folder = join(dir, nodeId(node, boot))
  mkdirSync(folder)
  const opened = await openSampler({
    devices,
    intervalMs: session.interval_ms,
    slowIntervalMs: session.slow_interval_ms,
    tickLocked: session.tick_locked,
    libraryPath: library.libraryPath,
    // One meter for all tasks: what one of them is kept to is not what the node has.
    wholeJob: true,
  })
  try {
    const { simulated } = opened.machine
    const claims = await claimGpus(opened.devices, { simulated, onWait: waitTeller(say) })
    try {
      await opened.sampler.ready()
      const window = beginEnergyWindow(opened, { samplesPath: join(folder, 'samples.parquet') })
      const write = (end_ns: number | null, energy: Energy | null) =>
        writeJsonAtomically(join(folder, 'node.json'), {
          ...factsOf(opened, node, boot),
          window: { start_ns: window.startNs, end_ns },
          energy,
        } satisfies NodeFile)
      await write(null, null)
      wire.say({ ready: { gpus: opened.devices.length } })
      await over
      const energy = await window.end()
      await write(energy.window.end_ns, energy)
    } finally {
      claims.release()
    }
  } finally {
    opened.sampler.close()
  }
}

function factsOf(
  { machine, devices, sampler, unmeasured, notes }: OpenedSampler,
  node: string,
  boot_id: string,
): Omit<NodeFile, 'window' | 'energy'> {
  const domains = sampler.powerDomains()
  return {
    node,
    boot_id,
    simulated: machine.simulated,
    interval_ms: sampler.intervalMs,
    given_gpus: gpusGiven(process.env),
    devices: devices.map(({ uuid, index, name, persistenceMode, migMode }, position) => ({
      uuid,
      index,
      name: name ?? null,
      power_domain: domains[position] ?? 'unknown',
      persistence_mode: persistenceMode ?? null,
      mig_mode: migMode ?? null,
    })),
    unmeasured: [...unmeasured],
    notes: [...notes],
  }
}

function sessionIn(dir: string): Session {
  try {
    return readFileOf(sessionSchema, join(dir, 'session.json'))
  } catch (cause) {
    throw new LlemError(`${dir} is no folder of an experiment that waits for meters: ${messageOf(cause)}.`, {
      code: 'NODES_FOLDER_INVALID',
      hint: 'It is made by `llem run` with energy.nodes, and must be on a file system that all nodes share.',
      kind: 'usage',
      cause,
    })
  }
}

/** The connection to the load process, over the first of its addresses where it is known to be that. */
async function joinLoad(
  { addresses, port, session }: Session,
  node: string,
  boot_id: string,
): Promise<{ wire: Wire<Asked, Said>; ended: Promise<void> }> {
  const hello: Said = { hello: { session, node, boot_id } }
  const failures: string[] = []
  for (const address of addresses) {
    try {
      return await introduced(await connected(address, port), hello)
    } catch (error) {
      failures.push(`${address}: ${messageOf(error)}`)
    }
  }
  throw new LlemError(`The load process cannot be reached from ${node}: ${failures.join('; ')}.`, {
    code: 'NODES_UNREACHABLE',
    hint: `Nodes must reach one another by TCP; look for a firewall between ${node} and ${addresses[0]}.`,
  })
}

function connected(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, timeout: CONNECT_MS })
    const failed = (error: Error) => {
      socket.destroy()
      reject(error)
    }
    socket.once('error', failed)
    socket.once('timeout', () => failed(new Error('no answer')))
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.off('error', failed)
      resolve(socket)
    })
  })
}

/** Introduces itself; clocks are told from then on. */
function introduced(socket: Socket, hello: Said): Promise<{ wire: Wire<Asked, Said>; ended: Promise<void> }> {
  return new Promise((resolve, reject) => {
    let end: () => void = () => undefined
    const ended = new Promise<void>((done) => {
      end = done
    })
    const wire: Wire<Asked, Said> = new Wire<Asked, Said>(socket, askedSchema, (message, received_ns) => {
      if ('ask' in message) wire.say({ answer: message.ask, received_ns, sent_ns: nowNs() })
      else if ('end' in message) end()
      else if ('welcome' in message) resolve({ wire, ended })
      else reject(new Error(message.refused))
    })
    void wire.closed.then(() => reject(new Error('it closed the connection')))
    setTimeout(() => reject(new Error('it did not answer')), CONNECT_MS).unref()
    wire.say(hello)
  })
}
