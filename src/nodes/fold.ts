// What each node's samples say of the window, and all of them together. It reads the files of the shared folder and nothing
// else, so that `llem verify` does the same again.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { LlemError, messageOf } from '../core/errors.js'
import type { NodeRole } from '../core/node-roles.js'
import { energyOf } from '../energy/window-energy.js'
import { recomputePart } from '../native/recording.js'
import type { NativeEnergy } from '../results/energy.js'
import type { NodeClock, NodeFault } from '../results/nodes.js'
import { driftBoundPpm, driftPpm, type Exchange, type Offset, offsetAt, whyJumped } from './clock.js'
import { energyBoundJ } from './clock-energy.js'
import {
  clockUnbounded,
  devicesMissing,
  energyUnknown,
  type Fault,
  meterLost,
  windowNotCovered,
} from './faults.js'
import {
  type NodeFile,
  nodeFileSchema,
  readExchanges,
  readFileOf,
  type WindowFile,
  windowFileSchema,
} from './files.js'

/** A node over the window. */
export interface NodeWindow {
  node: string
  bootId: string
  /** Its folder's name. */
  id: string
  role: NodeRole | null
  fault: NodeFault | null
  reason: string
  /** Of the window, by the node's clock; null where it could not be cut out. */
  energy: NativeEnergy | null
  clock: NodeClock | null
  /** What the meter wrote down; null where it did not come so far. */
  file: NodeFile | null
}

/** All of them. */
export interface NodeWindows {
  window: WindowFile
  /** What is cut out, by the clock of the load process. */
  span: { start_ns: number; end_ns: number }
  /** By name. */
  nodes: NodeWindow[]
}

/** The phase that is cut out of the samples. */
export const MEASURED_PHASE = 'inference'

/** Reads a folder `nodes`. Throws where there is no window.json in it, or one without a measured phase. */
export async function readNodes(dir: string): Promise<NodeWindows> {
  const window = readFileOf(windowFileSchema, join(dir, 'window.json'))
  const span = window.phases.find(({ phase }) => phase === MEASURED_PHASE)
  if (span === undefined)
    throw new LlemError(`${join(dir, 'window.json')} has no phase ${MEASURED_PHASE}.`, {
      code: 'FILE_DAMAGED',
      hint: null,
    })
  const { start_ns, end_ns } = span
  const nodes = await Promise.all(
    window.nodes.map((each) => readNode(dir, window, each, { start_ns, end_ns })),
  )
  return {
    window,
    span: { start_ns, end_ns },
    nodes: nodes.sort((a, b) => a.node.localeCompare(b.node) || a.id.localeCompare(b.id)),
  }
}

/** Whether a run's folder has nodes. */
export function hasNodes(runDir: string): boolean {
  return readdirSync(runDir).includes('nodes')
}

async function readNode(
  dir: string,
  { roles, gpus_per_node }: WindowFile,
  { id, node, boot_id: bootId, lost }: WindowFile['nodes'][number],
  span: { start_ns: number; end_ns: number },
): Promise<NodeWindow> {
  const role = roles[node] ?? null
  const known = { node, bootId, id, role }
  const without = ({ code, reason }: Fault, file: NodeFile | null = null): NodeWindow => ({
    ...known,
    ...{ fault: code, reason, file, energy: null, clock: null },
  })
  // A result is verified in other places than it was measured in.
  const said = (error: unknown) => messageOf(error).replaceAll(`${dir}/`, '')
  let file: NodeFile
  try {
    file = readFileOf(nodeFileSchema, join(dir, id, 'node.json'))
  } catch (error) {
    return without(meterLost(lost ?? `its node.json cannot be read: ${said(error)}`))
  }
  const { start_ns: fromNs, end_ns: toNs } = file.window
  if (toNs === null) return without(meterLost(lost ?? 'its meter has not closed its window'), file)
  let exchanges: Exchange[]
  try {
    exchanges = readExchanges(dir, id)
  } catch (error) {
    return without(clockUnbounded(said(error)), file)
  }
  const edges = edgesOf(exchanges, span)
  if (typeof edges === 'string') {
    // A meter that was ended too early answers no clock either, and that it ended is why.
    return without(lost === null ? clockUnbounded(edges) : meterLost(`${lost}; ${edges}`), file)
  }
  const { start, end } = edges
  const own = { startNs: span.start_ns + start.offsetNs, endNs: span.end_ns + end.offsetNs }
  const [beforeNs, afterNs] = [own.startNs - start.boundNs - fromNs, toNs - own.endNs - end.boundNs]
  if (beforeNs < 0 || afterNs < 0) return without(windowNotCovered(whyNotCovered(beforeNs, afterNs)), file)
  const samples = join(dir, id, 'samples.parquet')
  let energy: NativeEnergy
  try {
    const report = await recomputePart(samples, Math.round(own.startNs), Math.round(own.endNs))
    energy = energyOf(report, samplerOf(file), {
      otherSamplers: file.energy?.contamination.other_samplers ?? null,
      settings: file.devices.map(({ persistence_mode, mig_mode }) => ({
        persistenceMode: persistence_mode,
        migMode: mig_mode,
      })),
      unmeasured: file.unmeasured,
    })
  } catch (error) {
    return without(energyUnknown(said(error)), file)
  }
  const ppm = driftPpm(exchanges)
  const clock: NodeClock = {
    exchanges: exchanges.length,
    start_offset_ns: start.offsetNs,
    start_bound_ns: start.boundNs,
    end_offset_ns: end.offsetNs,
    end_bound_ns: end.boundNs,
    drift_ppm: ppm,
    drift_bound_ppm: driftBoundPpm(exchanges),
    energy_bound_j: await energyBoundJ(samples, { ...own, ...{ start, end }, driftPpm: ppm }, energy),
  }
  const fault =
    faultOf(energy, file, gpus_per_node) ??
    (clock.energy_bound_j === null
      ? energyUnknown('a GPU tells no power, so that nobody knows what its clock may hide')
      : null)
  return { ...known, fault: fault?.code ?? null, reason: fault?.reason ?? energy.reason, energy, clock, file }
}

/** The node's clock at both edges, or why it cannot be bounded there. */
function edgesOf(
  exchanges: readonly Exchange[],
  { start_ns, end_ns }: { start_ns: number; end_ns: number },
): { start: Offset; end: Offset } | string {
  const start = offsetAt(exchanges, start_ns)
  const end = offsetAt(exchanges, end_ns)
  if (typeof start === 'string') return start
  if (typeof end === 'string') return end
  return whyJumped(exchanges) ?? { start, end }
}

function whyNotCovered(beforeNs: number, afterNs: number): string {
  const late = beforeNs < 0 ? `its meter began ${(-beforeNs / 1e9).toFixed(3)} s after the window` : null
  const early = afterNs < 0 ? `its meter ended ${(-afterNs / 1e9).toFixed(3)} s before the window did` : null
  return [late, early].filter((part) => part !== null).join(', and ')
}

/** Why that is not all of the node's energy; null where it is. */
function faultOf(
  energy: NativeEnergy,
  { devices, unmeasured, given_gpus }: NodeFile,
  wanted: number | null,
): Fault | null {
  const expected = wanted ?? given_gpus
  if (unmeasured.length > 0) {
    const reasons = unmeasured.map(({ index, reason }) => `GPU ${index}: ${reason}`).join('; ')
    return devicesMissing(`not all of its GPUs can be measured: ${reasons}`)
  }
  if (expected !== null && devices.length < expected)
    return devicesMissing(`its meter sees ${devices.length} of ${expected} GPUs`)
  return energy.total_j === null ? energyUnknown(energy.reason) : null
}

/** What the meter's sampler said of itself. */
function samplerOf({ devices, interval_ms }: NodeFile) {
  return {
    devices: devices.map(({ uuid, index, name }) => ({ uuid, index, name })),
    intervalMs: interval_ms,
    powerDomains: () => devices.map(({ power_domain }) => power_domain),
  }
}
