import { expect, it } from 'vitest'
import { headlineOf, steadyStateOf } from '../../dist/results/steady-state.js'

const S = 1e9
const TOKENS = { start_ns: 5 * S, end_ns: 25 * S, input_tokens: 1000, output_tokens: 4000 }
const ENERGY = {
  energy_j: 8000,
  uncertainty_j: 20,
  absolute_uncertainty_j: 400,
  method: 'integral',
} as const

const UNKNOWN = { energy_j: null, uncertainty_j: null, absolute_uncertainty_j: null, method: null }

it('a steady state is its tokens by its time and its joules by its tokens', () => {
  expect(steadyStateOf(TOKENS, ENERGY)).toEqual({
    ...TOKENS,
    ...ENERGY,
    duration_sec: 20,
    output_tokens_per_second: 200,
    energy_per_output_token_j: 2,
    energy_per_output_token_uncertainty_j: 0.005,
    energy_per_output_token_absolute_uncertainty_j: 0.1,
  })
})

it('a steady state of ten seconds is the headline', () => {
  const { headline, headline_reason } = headlineOf(steadyStateOf(TOKENS, ENERGY), null)
  expect(headline).toBe('steady_state')
  expect(headline_reason).toMatch(/^the steady state of 20\.0 s is the load that was asked for/)
})

it.for<[string, Parameters<typeof headlineOf>, string]>([
  ['there is none', [null, 'too few prompts'], 'there is no steady state: too few prompts'],
  [
    'it is too short',
    [steadyStateOf({ ...TOKENS, end_ns: 14 * S }, ENERGY), null],
    'the steady state of 9.0 s is shorter than 10 s',
  ],
  [
    'its energy is not known',
    [steadyStateOf(TOKENS, UNKNOWN), 'there is no energy'],
    'the joules per token of the steady state of 20.0 s are not known: there is no energy',
  ],
])('the whole run is the headline where %s', ([, [steady, reason], why]) => {
  expect(headlineOf(steady, reason)).toEqual({ headline: 'whole_run', headline_reason: why })
})
