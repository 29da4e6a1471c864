// What becomes of a key of another tool: values of llem's keys, or why there are none.

import { branchesOf, nodeAt } from '../config/json-schema.js'
import { campaignJsonSchema } from '../config/load-campaign.js'
import type { Finding, Place } from '../config/problems.js'
import type { Path, Tree } from '../config/tree.js'

/** A value of a key of llem, dotted. */
export interface Taken {
  to: string
  value: unknown
  /** What is to be known of how it was read. */
  how?: string
}

/** `matters`: what is measured is not the same without it. */
export interface Lost {
  why: string
  matters: boolean
}

export type Reading = Taken | Lost

/** What a rule knows of the file around a key. */
export interface Surroundings {
  /** The inference backends that it may be for, by llem's names. */
  backends: readonly string[]
  isCampaign: boolean
}

/** Reads one value of another tool. */
export type Rule = (value: unknown, surroundings: Surroundings) => Reading[]

/** A key that has no counterpart, for people. */
export interface LostKey extends Lost {
  key: string
  place: Place
}

/** Where a key of llem comes from. */
export interface Origin {
  path: Path
  /** The foreign key, as it was written. */
  from: string
  place: Place
  how: string | null
}

/** A foreign file in the words of llem. */
export interface Imported {
  /** What it is, e.g. "a study of the Python tool". */
  what: string
  kind: 'experiment' | 'campaign'
  tree: Tree
  origins: Origin[]
  lost: LostKey[]
  findings: Finding[]
}

/** What a table has under a name of somebody's file, which may be that of a method of every object. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: unknown): T | undefined {
  return typeof name === 'string' && Object.hasOwn(table, name) ? table[name] : undefined
}

export function isTaken(reading: Reading): reading is Taken {
  return 'to' in reading
}

export function unneeded(why: string): Rule {
  return () => [{ why, matters: false }]
}

export function missing(why: string): Rule {
  return (value) => (value === null ? nothing() : [{ why, matters: true }])
}

/** null is "as the tool likes it". */
export function nothing(): Reading[] {
  return [{ why: 'null leaves it open, as llem does where the key is not written', matters: false }]
}

/** Where it says what llem does anyway nothing is lost. */
export function usual(values: readonly unknown[], why: string): Rule {
  return (value) =>
    value === null || values.includes(value)
      ? [{ why: 'llem does so anyway', matters: false }]
      : [{ why, matters: true }]
}

/** The same value under keys of llem. */
export function to(...keys: string[]): Rule {
  return (value) =>
    keys.flatMap((key): Reading[] => {
      const read = fitting(key, value)
      if (value === null && !takesNull(key)) return nothing()
      return [
        read === value
          ? { to: key, value }
          : { to: key, value: read, how: `${JSON.stringify(value)} was read as ${JSON.stringify(read)}` },
      ]
    })
}

/** YAML of Python reads `yes` as true, and pydantic the text "50" as a number; llem's own files know neither. */
export function fitting(key: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  const types = typesOf(key)
  if (types.includes('string')) return value
  const word = value.trim().toLowerCase()
  if (types.includes('boolean')) {
    if (['yes', 'on', 'true'].includes(word)) return true
    if (['no', 'off', 'false'].includes(word)) return false
  }
  const isNumeric = types.includes('number') || types.includes('integer')
  return isNumeric && word !== '' && Number.isFinite(Number(word)) ? Number(word) : value
}

function takesNull(key: string): boolean {
  const types = typesOf(key)
  return types.length === 0 || types.includes('null')
}

function typesOf(key: string): string[] {
  const path = key.split('.')
  const node = nodeAt(path) ?? nodeAt(path, campaignJsonSchema())
  return node === undefined
    ? []
    : branchesOf(node).flatMap(({ type, enum: words }) => type ?? (words === undefined ? [] : 'string'))
}
