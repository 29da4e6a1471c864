// Keys of its campaigns and studies.

import { isTree } from '../../config/tree.js'
import { entryOf, nothing, type Reading, type Rule, to, unneeded, usual } from '../reading.js'
import { backendOf } from './keys.js'

const ORDERS: Readonly<Record<string, [structure: string, how?: string]>> = {
  sequential: ['grouped'],
  grouped: ['grouped'],
  interleave: ['interleaved'],
  interleaved: ['interleaved'],
  shuffle: ['shuffled'],
  shuffled: ['shuffled'],
  latin_square: ['latin_square'],
  reverse: ['latin_square', 'llem has no reverse; a latin square balances the order too'],
}

const order: Rule = (value) => {
  if (value === null) return nothing()
  const [structure, how] = entryOf(ORDERS, value) ?? [value]
  return [{ to: 'execution.structure', value: structure, ...(how === undefined ? {} : { how }) }]
}

/** Where backends run: `local`, `docker` or `docker:IMAGE` for each. */
const runners: Rule = (value, { isCampaign }): Reading[] => {
  if (!isTree(value))
    return value === null
      ? nothing()
      : [{ why: 'a mapping of backends to local or docker was expected', matters: true }]
  const places = Object.entries(value).map(
    ([backend, where]) => [String(backendOf(backend)), String(where)] as const,
  )
  const inDocker = places.filter(([, where]) => where.startsWith('docker'))
  if (!isCampaign)
    return inDocker.length === 0
      ? [{ why: 'llem runs here anyway', matters: false }]
      : [
          {
            why: 'an experiment runs here; a campaign runs in services of a compose file (`llem campaign init --docker`)',
            matters: true,
          },
        ]
  if (inDocker.length === 0) return [{ to: 'docker.enabled', value: false }]
  const names = inDocker.map(([backend]) => backend).join(', ')
  const images = inDocker
    .filter(([, where]) => where.includes(':'))
    .map(([, where]) => where.slice('docker:'.length))
  const image = images.length === 0 ? '' : `, with image ${images.join(' and ')}`
  return [
    {
      to: 'docker.enabled',
      value: true,
      how: `the compose file beside it needs services called ${names}${image}; a backend without one runs here`,
    },
  ]
}

const schedule: Rule = (value) => {
  if (!isTree(value) || value.enabled === false) return [{ why: 'it is off', matters: false }]
  const { at, interval, total_duration, days } = value
  const times = Object.entries({
    at,
    interval: interval ?? (at === undefined ? undefined : '1d'),
    total_duration,
  })
  const taken = times
    .filter(([, each]) => each !== undefined && each !== null)
    .map(([key, each]): Reading => ({ to: `daemon.${key}`, value: each }))
  const lost: Reading[] =
    days === undefined || days === null
      ? []
      : [{ why: 'llem runs on every day; days are for cron or systemd', matters: true }]
  return [{ to: 'daemon.enabled', value: true }, ...taken, ...lost]
}

const EXECUTION: Readonly<Record<string, Rule>> = {
  cycles: to('execution.cycles'),
  n_cycles: to('execution.cycles'),
  structure: order,
  cycle_order: order,
  experiment_order: order,
  order,
  seed: to('execution.seed'),
  shuffle_seed: to('execution.seed'),
  config_gap_seconds: to('execution.config_gap_seconds'),
  experiment_gap_seconds: to('execution.config_gap_seconds'),
  cycle_gap_seconds: to('execution.cycle_gap_seconds'),
  warmup_prompts: to('execution.warmup_prompts'),
  warmup_timeout_seconds: to('execution.warmup_timeout_seconds'),
  experiment_timeout_seconds: to('execution.experiment_timeout_seconds'),
  max_consecutive_failures: (value) =>
    value === 0
      ? [{ why: 'llem always pauses in the end; `llem campaign` again goes on', matters: false }]
      : to('execution.max_equal_failures')(value, { backends: [], isCampaign: true }),
  circuit_breaker_cooldown_seconds: unneeded(
    'llem pauses instead of trying again; `llem campaign` again goes on',
  ),
  wall_clock_timeout_hours: usual([], 'llem has a limit in energy (`--max-kwh`) and for each run'),
  skip_preflight: unneeded('llem looks before it begins, which takes seconds'),
}

export const STUDY_KEYS: Readonly<Record<string, Rule>> = {
  study_name: to('campaign_name'),
  campaign_name: to('campaign_name'),
  runners,
  schedule,
  ...Object.fromEntries(
    ['execution', 'study_execution'].flatMap((group) =>
      Object.entries(EXECUTION).map(([key, rule]) => [`${group}.${key}`, rule]),
    ),
  ),
  cycle_order: order,
  experiment_gap_seconds: to('execution.config_gap_seconds'),
  cycle_gap_seconds: to('execution.cycle_gap_seconds'),
}
