// The folder that all nodes of an experiment share. Each file has one writer:
//
//   session.json            the load process, before any meter: where it listens; gone once all meters have ended
//   elected-ID              made by the one meter of a node, and by nobody twice
//   ID/node.json            that meter: its GPUs and its clock's window
//   ID/samples.parquet      that meter: every reading
//   clock-ID.jsonl          the load process: exchanges with that node's clock
//   window.json             the load process, at the end: what is to be cut out of the samples

import { closeSync, constants, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { NODE_NAME } from '../core/node-name.js'
import { NODE_ROLES } from '../core/node-roles.js'
import { energySchema } from '../results/energy.js'

const ns = z.number().nonnegative()

export const sessionSchema = z.strictObject({
  /** Who knows it may speak: no other program that finds the port. */
  session: z.string().min(16),
  addresses: z.array(z.string()).min(1),
  port: z.int().min(1).max(65_535),
  interval_ms: z.number(),
  slow_interval_ms: z.number(),
  tick_locked: z.boolean(),
  /** The nodes' GPUs are simulated, as those of the run. */
  simulated: z.boolean(),
})
export type Session = z.infer<typeof sessionSchema>

export const nodeFileSchema = z.object({
  node: z.string().regex(NODE_NAME),
  boot_id: z.string(),
  simulated: z.boolean(),
  interval_ms: z.number(),
  /** How many GPUs Slurm says are the job's here; null where nobody says it. */
  given_gpus: z.number().int().nullable(),
  devices: z.array(
    z.object({
      uuid: z.string(),
      index: z.number().int(),
      name: z.string().nullable(),
      power_domain: z.string(),
      persistence_mode: z.boolean().nullable(),
      mig_mode: z.boolean().nullable(),
    }),
  ),
  unmeasured: z.array(z.object({ index: z.number().int(), reason: z.string() })),
  notes: z.array(z.string()),
  /** By the node's own clock; `end_ns` is null while it measures. */
  window: z.object({ start_ns: ns, end_ns: ns.nullable() }),
  /** Of all the time that it measured, which is longer than what is cut out of it. */
  energy: energySchema.nullable(),
})
export type NodeFile = z.infer<typeof nodeFileSchema>

const exchangeSchema = z.object({ load_ns: z.number(), offset_ns: z.number(), bound_ns: z.number() })

export const windowFileSchema = z.object({
  clock: z.object({ id: z.literal('CLOCK_MONOTONIC'), node: z.string(), boot_id: z.string() }),
  /** What is cut out is "inference". */
  phases: z.array(z.object({ phase: z.string(), start_ns: ns, end_ns: ns })),
  start_utc: z.string(),
  output_tokens: z.number().int().nonnegative(),
  expected_nodes: z.number().int(),
  gpus_per_node: z.number().int().nullable(),
  roles: z.record(z.string(), z.enum(NODE_ROLES)),
  /** The nodes whose meters came after the measurement had begun. */
  late: z.array(z.string()).default([]),
  nodes: z.array(
    z.object({
      id: z.string().regex(/^[A-Za-z0-9._-]+$/),
      node: z.string(),
      boot_id: z.string(),
      /** When and how its meter was lost; null where it ended when it was told to. */
      lost: z.string().nullable(),
    }),
  ),
})
export type WindowFile = z.infer<typeof windowFileSchema>

/** The name of a node's folder: two machines of one name have two. */
export function nodeId(node: string, bootId: string): string {
  return `${node}-${bootId.replace(/[^a-f0-9]/g, '').slice(0, 8)}`
}

/**
 * Whether this process is the one meter of its node: whoever makes the file first. Making a file that must not be there is
 * atomic, also over NFS from version 3 on.
 */
export function isElected(dir: string, id: string): boolean {
  try {
    const file = openSync(
      join(dir, `elected-${id}`),
      constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY,
    )
    writeSync(file, `${process.pid}\n`)
    closeSync(file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** A JSON file of that folder. Throws FILE_DAMAGED, and what the system says where it cannot be read. */
export function readFileOf<T>(schema: z.ZodType<T>, path: string): T {
  return parsed(schema, readFileSync(path, 'utf8'), path)
}

function parsed<T>(schema: z.ZodType<T>, text: string, place: string): T {
  try {
    return schema.parse(JSON.parse(text))
  } catch (cause) {
    const why =
      cause instanceof z.ZodError ? z.prettifyError(cause).replace(/\s*\n\s*/g, ' ') : messageOf(cause)
    throw new LlemError(`${place} is damaged: ${why}.`, {
      code: 'FILE_DAMAGED',
      hint: 'What rests on it cannot be recomputed; take the file from a copy of the result, where there is one.',
      cause,
    })
  }
}

/** The exchanges with a node's clock, in order. Throws FILE_DAMAGED. */
export function readExchanges(dir: string, id: string): z.infer<typeof exchangeSchema>[] {
  const path = join(dir, `clock-${id}.jsonl`)
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line, at) => ({ line, place: `line ${at + 1} of ${path}` }))
    .filter(({ line }) => line !== '')
    .map(({ line, place }) => parsed(exchangeSchema, line, place))
}
