// Columns of what is quoted and of the three levels that an energy is made of.

import type { EnergyBreakdown } from './breakdown.js'
import type { ExperimentResult } from './experiment.js'
import type { Cell, Column } from './flat-row.js'
import { type Quoted, quotedNumbers } from './quoted.js'

/** A column of the quoted joules per output token. */
export function quotedColumn(
  name: string,
  type: Column['type'],
  description: string,
  value: (quoted: Quoted) => Cell,
): Column {
  return { name, type, description, run: (result) => value(quotedNumbers(result).quoted) }
}

function level(name: string, description: string, key: keyof EnergyBreakdown): Column {
  const value = ({ energy_breakdown }: ExperimentResult) => energy_breakdown?.[key] ?? null
  return { name, type: name.endsWith('_reason') ? 'text' : 'number', description, run: value }
}

export const LEVELS: readonly Column[] = [
  quotedColumn(
    'quoted_scope',
    'text',
    'What energy_per_output_token_j is of: steady_state or whole_run.',
    (quoted) => {
      return quoted.scope
    },
  ),
  quotedColumn(
    'quoted_method',
    'text',
    'What it rests on: counter, integral or readings_and_mean.',
    (quoted) => {
      return quoted.method
    },
  ),
  quotedColumn('quoted_reason', 'text', 'Why this scope, or why nothing is quoted.', ({ reason }) => reason),
  {
    name: 'whole_run_energy_per_output_token_j',
    type: 'number',
    description:
      'energy_j over output_tokens, with filling up and draining; quoted where quoted_scope is whole_run.',
    run: (result) => result.energy_per_output_token_j,
  },
  level('baseline_uncertainty_w', 'How far baseline_w may be off (k = 2).', 'baseline_uncertainty_w'),
  level(
    'bare_j',
    'What the GPUs would have drawn without the model; bare, parked and active add up to energy_j.',
    'bare_j',
  ),
  level('parked_w', 'Power of the GPUs while the loaded model does nothing.', 'parked_power_w'),
  level('parked_uncertainty_w', 'How far it may be off (k = 2).', 'parked_uncertainty_w'),
  level('parked_j', 'What the loaded model costs beside bare, whether it works or not.', 'parked_j'),
  level('active_j', 'The rest: what the work itself costs.', 'active_j'),
  level('active_uncertainty_j', 'How far it may be off (k = 2).', 'active_uncertainty_j'),
  level(
    'active_energy_per_output_token_j',
    'active_j over output_tokens.',
    'active_energy_per_output_token_j',
  ),
  level('levels_reason', 'Why parked_j or active_j is unknown.', 'parked_reason'),
]
