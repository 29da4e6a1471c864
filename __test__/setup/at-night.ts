// What takes too long for every push runs at night, in the shards `long` of scripts/nightly.mjs, which find it by the name of this
// file. By day it is not there at all: a skipped test is a failure in CI.

import { describe, type SuiteAPI, type TestAPI, test } from 'vitest'

export const isNight = process.env.LLEM_TEST_NIGHTLY === '1'

const none = () => undefined
const nothing = Object.assign(none, { each: () => none, for: () => none }) as unknown as TestAPI

/** A test, `.each` and `.for` too, that is only there at night. */
export const atNight: TestAPI = isNight ? test : nothing

/** A group of tests that is only there at night. */
export const groupAtNight = isNight ? describe : (nothing as unknown as SuiteAPI)

/** All rows of a table at night, by day `count` of them that lie evenly in it. */
export function byDay<T>(count: number, rows: readonly T[]): T[] {
  const isTaken = (index: number) =>
    Math.floor((index * count) / rows.length) !== Math.floor(((index - 1) * count) / rows.length)
  return rows.filter((_, index) => isNight || isTaken(index))
}
