/** What `hf:owner/name[:config[:split[:column]]]` asks for; null is left to the data set. */
export interface DatasetName {
  name: string
  config: string | null
  split: string | null
  column: string | null
}

/** Takes `hf:...` apart; null for a source that is no data set of the hub. A part may be empty: `hf:o/n::test`. */
export function datasetName(source: string): DatasetName | null {
  if (!source.startsWith('hf:')) return null
  const [name = '', config, split, column] = source.slice('hf:'.length).split(':')
  return { name, config: config || null, split: split || null, column: column || null }
}
