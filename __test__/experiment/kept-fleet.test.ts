import { expect, it } from 'vitest'
import type { Fleet } from '../../dist/experiment/fleet.js'
import { KeptFleet } from '../../dist/experiment/kept-fleet.js'
import { config } from './observed.js'

/** A fleet of one worker that only says whether it lives; it says when it was ended. */
function fleet(memory: () => Promise<unknown> = async () => ({})): Fleet & { ended: boolean } {
  const made = {
    members: [{ index: 0, gpuUuids: null, session: { memory } }] as unknown as Fleet['members'],
    ended: false,
    async close() {
      made.ended = true
    },
  }
  return made
}

it.for([
  ['the same', {}, true],
  ['another label', { experiment_name: 'again' }, true],
  ['other prompts', { n_prompts: 7 }, true],
  ['another model', { model: 'other.gguf' }, false],
  ['another limit for a request, which a loaded worker has been told', { request_timeout_sec: 3600 }, false],
] as const)('an experiment with %s', async ([, changes, fits]) => {
  const [kept, loaded] = [new KeptFleet(), fleet()]
  kept.keep(config(), ['GPU-1'], null, loaded)
  const taken = await kept.take(config(changes), ['GPU-1'], null)
  expect([taken === loaded, loaded.ended]).toEqual([fits, !fits])
})

it('a worker that has died meanwhile is not handed on', async () => {
  const [kept, dead] = [new KeptFleet(), fleet(() => Promise.reject(new Error('the worker was killed')))]
  kept.keep(config(), ['GPU-1'], null, dead)
  expect([await kept.take(config(), ['GPU-1'], null), dead.ended]).toEqual([null, true])
})
