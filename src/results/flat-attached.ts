// Columns of what `llem attach` adds to the result of a command.

import type { Attached, AttachedBenchmark, Rates } from './attached.js'
import type { Cell, Column } from './flat-row.js'
import { sum } from './sum.js'

function attached(
  name: string,
  type: Column['type'],
  description: string,
  value: (attached: Attached) => Cell,
): Column {
  return {
    name: `attached_${name}`,
    type,
    description,
    run: () => null,
    exec: (result) => (result.attached === undefined ? null : value(result.attached)),
  }
}

/** Over all benchmarks; null as soon as one does not tell, and where they are not surely those of the command. */
function counted(name: 'requests' | 'input_tokens' | 'output_tokens', what: string): Column {
  const description = `${what}, of all its benchmarks; null where one does not tell, or where some may be missing.`
  return attached(name, 'integer', description, ({ benchmarks, command }) =>
    command.counts_reason === null ? sum(benchmarks.map((each) => each[name])) : null,
  )
}

/** Where a tool has several benchmarks each has its own, which is not one cell. */
function own(name: keyof Rates & keyof AttachedBenchmark, what: string): Column {
  return attached(`own_${name}`, 'number', `${what}; of one benchmark alone.`, ({ benchmarks }) => {
    const [only] = benchmarks
    const value = benchmarks.length === 1 ? only?.[name] : null
    return typeof value === 'number' ? value : null
  })
}

/** Why a joule or a count is null, the most general reason first. */
function whyNull({ reason, command, benchmarks }: Attached): string | null {
  const general = reason ?? command.reason ?? command.counts_reason
  if (general !== null) return general
  const [only] = benchmarks
  if (only === undefined || benchmarks.length > 1)
    return `there are ${benchmarks.length} benchmarks, each with joules of its own`
  return only.reason ?? only.counts_reason ?? only.tokens_reason
}

export const ATTACHED: readonly Column[] = [
  attached('tool', 'text', 'The benchmark that `llem attach` measured; attach only.', ({ tool }) => tool),
  attached('tool_version', 'text', 'Its version.', ({ tool_version }) => tool_version),
  attached('benchmarks', 'integer', 'How many benchmarks its results hold.', (of) => of.benchmarks.length),
  counted('requests', 'Requests as the tool counts them'),
  counted('input_tokens', 'Tokens of the prompts as the tool counts them'),
  counted('output_tokens', 'Tokens generated as the tool counts them'),
  attached(
    'command_j_per_output_token',
    'number',
    'Joules of the whole command, with the start-up of the tool, over its output tokens.',
    ({ command }) => command.j_per_output_token,
  ),
  own('energy_j', 'Joules of the time that it measured'),
  own('uncertainty_j', 'How far these may be off on these boards (k = 2)'),
  own('duration_s', 'How long it measured'),
  own('j_per_output_token', 'Those joules over its output tokens'),
  own('j_per_request', 'Those joules over its requests'),
  attached('reason', 'text', 'Why some of these are unknown.', whyNull),
]
