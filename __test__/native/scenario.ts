// Scenarios for the simulated GPUs, and their true energy in closed form: written from the description of the
// format alone, so that a mistake in the simulator's own arithmetic shows.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type Segment = { for_s: number } & (
  | { w: number }
  | { from_w: number; to_w: number }
  | { sine: { mean_w: number; amplitude_w: number; period_s: number } }
  | { square: { low_w: number; high_w: number; period_s: number; duty: number } }
)

export interface Gpu {
  uuid: string
  power: { segments: Segment[]; repeat?: boolean }
  [key: string]: unknown
}

/** A GPU whose calls cost next to nothing, whatever `rest` does not say otherwise. */
export function gpu(position: number, segments: Segment[], rest: Record<string, unknown> = {}): Gpu {
  return {
    uuid: uuidOf(position),
    power: { segments, repeat: false },
    call_latency_us: { power: 5, fields: 5, energy: 20, other: 1 },
    ...rest,
  }
}

export function uuidOf(position: number): string {
  return `GPU-00000000-0000-0000-0000-${String(position + 1).padStart(12, '0')}`
}

/** Now, on the clock of windows and samples. */
export function nowNs(): number {
  return Number(process.hrtime.bigint())
}

/** Writes a scenario whose t = 0 is `epochNs`, or the first look at it without one, and answers its path. */
export function scenarioFile(devices: readonly Gpu[], epochNs?: number): string {
  return textFile('scenario.json', JSON.stringify({ version: 1, epoch_monotonic_ns: epochNs, devices }))
}

export function textFile(name: string, text: string): string {
  const path = join(scratchFolder(), name)
  writeFileSync(path, text)
  return path
}

export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'llem-test-'))
}

/** The joules between two moments in seconds since t = 0; the last value of a signal holds for ever. */
export function trueJoules(segments: readonly Segment[], fromS: number, toS: number): number {
  return joulesUntil(segments, toS) - joulesUntil(segments, fromS)
}

function joulesUntil(segments: readonly Segment[], endS: number): number {
  let joules = 0
  let startS = 0
  for (const segment of segments) {
    joules += joulesWithin(segment, Math.min(Math.max(endS - startS, 0), segment.for_s))
    startS += segment.for_s
  }
  const last = segments.at(-1)
  return endS > startS && last !== undefined ? joules + lastW(last) * (endS - startS) : joules
}

/** The joules of the first `s` seconds of a segment. */
function joulesWithin(segment: Segment, s: number): number {
  if ('w' in segment) return segment.w * s
  if ('from_w' in segment) {
    const slope = (segment.to_w - segment.from_w) / segment.for_s
    return segment.from_w * s + (slope * s * s) / 2
  }
  if ('sine' in segment) {
    const { mean_w, amplitude_w, period_s } = segment.sine
    const turn = (2 * Math.PI) / period_s
    return mean_w * s + (amplitude_w / turn) * (1 - Math.cos(turn * s))
  }
  const { low_w, high_w, period_s, duty } = segment.square
  const periods = Math.floor(s / period_s)
  const rest = s - periods * period_s
  const highS = periods * duty * period_s + Math.min(rest, duty * period_s)
  return high_w * highS + low_w * (s - highS)
}

function lastW(segment: Segment): number {
  if ('w' in segment) return segment.w
  if ('from_w' in segment) return segment.to_w
  throw new Error('let the signal end with a constant or a ramp')
}

/** Uniform numbers in [0, 1) that are the same in every run (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const IDLE_W = 75

/**
 * Idle, then decode rounds of 25 ms at 480 and 330 W with prefill bursts of 150 ms at 690 W at random moments, then
 * idle for ever.
 */
export function servingLoad(random: () => number, fromS: number, toS: number): Segment[] {
  const segments: Segment[] = [{ for_s: fromS, w: IDLE_W }]
  let atS = fromS
  while (atS < toS) {
    const decodeS = Math.min(toS - atS, 0.1 + 1.2 * random())
    const duty = 0.4 + 0.2 * random()
    segments.push({ for_s: decodeS, square: { high_w: 480, low_w: 330, period_s: 0.025, duty } })
    atS += decodeS
    const burstS = Math.min(toS - atS, 0.15)
    if (burstS > 0) segments.push({ for_s: burstS, w: 690 })
    atS += burstS
  }
  return [...segments.filter((segment) => segment.for_s > 1e-9), { for_s: 1, w: IDLE_W }]
}
