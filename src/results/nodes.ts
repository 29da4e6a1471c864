import { z } from 'zod'
import { NODE_ROLES } from '../core/node-roles.js'

// What is on disk about the nodes of an experiment that spans several. Joules (J), nanoseconds (ns). Null is unknown.

const joules = z.number().nullable()

const role = z.enum(NODE_ROLES).nullable()

/** Why a node makes the total of a run null; each is a finding too. */
export const NODE_FAULTS = [
  'node_missing',
  'node_meter_lost',
  'node_clock_unbounded',
  'node_window_not_covered',
  'node_devices_missing',
  'node_energy_unknown',
] as const
export type NodeFault = (typeof NODE_FAULTS)[number]

/** The clock of a node against that of the load process: node minus load. */
export const nodeClockSchema = z.object({
  /** Exchanges that were kept: the quickest of each burst. */
  exchanges: z.number().int(),
  /** At the window's edges, and how far that may be off: a bound, from the way of a message and back. */
  start_offset_ns: z.number(),
  start_bound_ns: z.number(),
  end_offset_ns: z.number(),
  end_bound_ns: z.number(),
  /** By how much the node's clock is faster, parts in a million, from the first exchange to the last. */
  drift_ppm: z.number(),
  /** How far that may be off: a bound. Null where an older llem did not tell it. */
  drift_bound_ppm: z.number().nullable().default(null),
  /** The energy that those bounds and that drift may hide: a bound. Null where a GPU tells no power. */
  energy_bound_j: z.number().nullable(),
})
export type NodeClock = z.infer<typeof nodeClockSchema>

export const nodeEnergySchema = z.object({
  node: z.string(),
  /** Of the kernel that runs there: two nodes of one name are two. */
  boot_id: z.string(),
  role,
  /** Its folder below `nodes` of the run's folder. */
  folder: z.string(),
  /** Sum over its GPUs; null when one has none. */
  total_j: joules,
  /** k = 2, with what the clock may hide. */
  uncertainty_j: joules,
  /** The same with the boards' gain. */
  absolute_uncertainty_j: joules,
  /** Its joules over all output tokens of the run. */
  energy_per_output_token_j: joules,
  /** Why the run has no total for this node; null where it is sound. */
  fault: z.enum(NODE_FAULTS).nullable(),
  /** In words, why `fault` or `total_j` is as it is. */
  reason: z.string(),
  gpus: z.array(
    z.object({
      uuid: z.string(),
      index: z.number().int(),
      name: z.string().nullable(),
      total_j: joules,
      /** Whether its joules are in the sums: a GPU that two meters saw is counted once. */
      counted: z.boolean(),
    }),
  ),
  /** Null where it is not known. */
  clock: nodeClockSchema.nullable(),
})
export type NodeEnergy = z.infer<typeof nodeEnergySchema>

export const roleEnergySchema = z.object({
  role,
  nodes: z.array(z.string()),
  /** Null where one of its nodes has a fault, and where it shares a GPU with another role. */
  total_j: joules,
  uncertainty_j: joules,
  absolute_uncertainty_j: joules,
  energy_per_output_token_j: joules,
  /** Why `total_j` is null; null where it is told. */
  reason: z.string().nullable().default(null),
})
export type RoleEnergy = z.infer<typeof roleEnergySchema>

/** The nodes of an experiment. `total_j` and its uncertainty stand in `energy`. */
export const nodesEnergySchema = z.object({
  /** How many were to be measured. */
  expected: z.number().int(),
  nodes: z.array(nodeEnergySchema),
  /** Of the nodes with a role, and of those without (null). */
  roles: z.array(roleEnergySchema),
  /** What the clocks of all nodes may hide together: a bound. */
  clock_bound_j: joules,
})
export type NodesEnergy = z.infer<typeof nodesEnergySchema>
