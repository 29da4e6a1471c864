// Text and bytes of others, mutated: no reader may fail in another way than it says, nor take long. A thousand inputs in all;
// `npm run fuzz` takes a million. Recordings, recovery, scenarios and windows: crates/meter/src/fuzz_tests.rs.

import { expect, it, vi } from 'vitest'
import { LlemError } from '../../dist/core/errors.js'
import { mutants } from './mutate.js'
import { READERS } from './readers.js'

/** Of each reader. */
const COUNT = Number(process.env.LLEM_TEST_FUZZ ?? 100)
const LIMIT_MS = 2000
/** A decoder of tables that says nothing for so long is ended, so that no table takes longer either. */
const SILENCE_MS = 1500

vi.setConfig({ testTimeout: 60_000 + COUNT * 50 })

function classOf(error: unknown): unknown {
  return error instanceof LlemError ? LlemError : (error as object).constructor
}

it.for(READERS)('$name of others is read or refused, and neither takes long', async (reader) => {
  const count = Math.ceil(COUNT / (reader.oneIn ?? 1))
  const next = mutants(reader.corpus, 29)
  let [whole, slowestMs] = [0, 0]
  // What nobody has changed is read.
  await reader.read(reader.corpus[0] ?? Buffer.alloc(0), 60_000)
  for (let number = 0; number < count; number++) {
    const bytes = next()
    const startMs = performance.now()
    try {
      await reader.read(bytes, SILENCE_MS)
      whole += 1
    } catch (error) {
      if (!reader.refusals.includes(classOf(error)))
        throw new Error(`input ${number} (${bytes.toString('base64').slice(0, 4000)}): ${error}`, {
          cause: error,
        })
    }
    slowestMs = Math.max(slowestMs, performance.now() - startMs)
    expect(slowestMs, `input ${number}`).toBeLessThan(LIMIT_MS)
  }
  console.info(`${reader.name}: ${count} inputs, ${whole} read, the slowest in ${slowestMs.toFixed(0)} ms`)
})
