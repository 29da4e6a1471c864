// A folder -> the result in it, whichever version of llem wrote it, and whichever command.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { type ExecResult, execResultSchema } from './exec.js'
import { type ExperimentResult, experimentResultSchema } from './experiment.js'
import { type Incomplete, incompleteSchema } from './incomplete.js'
import { migrated, type ResultKind } from './migrations.js'
import { missingResult } from './missing.js'
import { quotedNumbers } from './quoted.js'

/** A result by what wrote it, as one of SCHEMA_VERSION. */
export type AnyResult =
  | { kind: 'exec'; content: ExecResult; writtenAs: string }
  | { kind: 'run'; content: ExperimentResult; writtenAs: string }

/** `writtenAs` is the schema_version in the file. */
export type AnyRecord = AnyResult | { kind: 'incomplete'; content: Incomplete; writtenAs: string }

/** Reads the result.json of a folder. Throws RESULT_MISSING, RESULT_INVALID or RESULT_NEWER. */
export function readResult(dir: string): AnyResult {
  const path = join(dir, 'result.json')
  if (!existsSync(path)) throw missingResult(dir)
  return parseResult(readJson(path), path)
}

/**
 * Reads what is in a run's folder: its result.json, else its incomplete.json. The path of either file does as well.
 * Throws RESULT_MISSING, RESULT_INVALID or RESULT_NEWER.
 */
export function readRecord(path: string): { record: AnyRecord; dir: string } {
  const dir = ['result.json', 'incomplete.json'].includes(basename(path)) ? dirname(path) : path
  const incomplete = join(dir, 'incomplete.json')
  if (existsSync(join(dir, 'result.json')) || !existsSync(incomplete)) return { record: readResult(dir), dir }
  const content = readJson(incomplete)
  return {
    record: {
      kind: 'incomplete',
      content: parsed(incompleteSchema, content, 'incomplete', incomplete),
      writtenAs: versionOf(content),
    },
    dir,
  }
}

function parseResult(content: unknown, path: string): AnyResult {
  const isExec = (content as { kind?: unknown } | null)?.kind === 'exec'
  const writtenAs = versionOf(content)
  return isExec
    ? { kind: 'exec', content: parsed(execResultSchema, content, 'exec', path), writtenAs }
    : { kind: 'run', content: withQuoted(parsed(experimentResultSchema, content, 'run', path)), writtenAs }
}

/** An older llem wrote no quoted number: it is made of what it wrote. */
function withQuoted(result: ExperimentResult): ExperimentResult {
  return { ...result, ...quotedNumbers(result) }
}

function parsed<T>(schema: z.ZodType<T>, content: unknown, kind: ResultKind, path: string): T {
  const current = migrated(content, kind, path)
  const result = schema.safeParse(current)
  if (result.success) return result.data
  throw invalid(path, problemsOf(result.error), result.error)
}

function readJson(path: string): unknown {
  try {
    // A pipe may never be written to.
    if (!statSync(path).isFile()) throw new Error('it is no file')
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw invalid(path, messageOf(cause), cause)
  }
}

function versionOf(content: unknown): string {
  return String((content as { schema_version?: unknown } | null)?.schema_version ?? '')
}

/** Enough to see what is wrong: one damaged file may break every key. */
const MAX_PROBLEMS = 5

function problemsOf({ issues }: z.ZodError): string {
  const shown = issues.slice(0, MAX_PROBLEMS).map(({ path, message }) => `${path.join('.')}: ${message}`)
  const rest = issues.length - shown.length
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join('; ')
}

function invalid(path: string, why: string, cause: unknown): LlemError {
  return new LlemError(`${path} is no result of llem: ${why}.`, {
    code: 'RESULT_INVALID',
    hint: 'It was damaged or edited; the other files of its folder may still be whole.',
    kind: 'usage',
    cause,
  })
}
