import { describe, expect, it } from 'vitest'
import { type Quotable, quotedOf } from '../../dist/results/quoted.js'

/** 6000 J for 2000 output tokens, of which the steady state has 8 J for 4. */
const RESULT: Quotable = {
  output_tokens: 2000,
  total_energy_j: 6000,
  energy_per_output_token_j: 3,
  energy_per_output_token_uncertainty_j: 0.01,
  energy_per_output_token_absolute_uncertainty_j: 0.2,
  energy_reason: null,
  energy: { method: 'counter', uncertainty_j: 20, absolute_uncertainty_j: 400 },
  steady_state: {
    method: 'integral',
    energy_per_output_token_j: 2,
    energy_per_output_token_uncertainty_j: 0.005,
    energy_per_output_token_absolute_uncertainty_j: 0.1,
  },
  headline: 'steady_state',
  headline_reason: 'it is the load that was asked for',
  serving: null,
}

describe('what is quoted', () => {
  it('per output token is of the steady state where that is the headline, with its own method', () => {
    expect(quotedOf(RESULT).quoted).toEqual({
      value: 2,
      unit: 'J/output token',
      uncertainty: 0.005,
      absolute_uncertainty: 0.1,
      scope: 'steady_state',
      domain: 'gpu',
      method: 'integral',
      reason: 'it is the load that was asked for',
    })
  })

  it('per output token is of the whole run where that is the headline', () => {
    const headline_reason = 'there is no steady state'
    const { quoted } = quotedOf({ ...RESULT, headline: 'whole_run', headline_reason })
    expect(quoted).toMatchObject({
      ...{ value: 3, uncertainty: 0.01, absolute_uncertainty: 0.2 },
      ...{ scope: 'whole_run', method: 'counter', reason: headline_reason },
    })
  })

  it('per output token is null where nothing decides how many there are, by more than 5 %', () => {
    const between = (least_output_tokens: number, most_output_tokens: number) =>
      quotedOf({
        ...RESULT,
        serving: { ledger: { unsettled: { requests: 3, least_output_tokens, most_output_tokens } } },
      })
    expect(between(500, 2000).quoted).toMatchObject({
      ...{ value: null, uncertainty: null, absolute_uncertainty: null, method: null },
      reason:
        'what was told of the tokens of 3 requests disagrees, and nothing decides: the run has between 500 and 2000 output tokens',
    })
    expect(between(500, 2000).quoted_total.value).toBe(6000)
    expect(between(1950, 2000).quoted.value).toBe(2)
  })

  it('in joules is always of the whole run', () => {
    expect(quotedOf(RESULT).quoted_total).toMatchObject({
      ...{ value: 6000, unit: 'J', uncertainty: 20, absolute_uncertainty: 400 },
      ...{ scope: 'whole_run', method: 'counter' },
    })
  })

  it.for<[string, Partial<Quotable>, string]>([
    [
      'there is no energy',
      { total_energy_j: null, energy_per_output_token_j: null, energy_reason: 'no GPU', energy: null },
      'no GPU',
    ],
    [
      'nothing was generated',
      { output_tokens: 0, energy_per_output_token_j: null },
      'there is no output token to divide by',
    ],
  ])('per output token is null with the reason where %s', ([, overrides, reason]) => {
    const { quoted } = quotedOf({ ...RESULT, headline: 'whole_run', steady_state: null, ...overrides })
    expect(quoted).toMatchObject({ value: null, method: null, reason })
  })
})
