// The text format that Prometheus scrapes, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/).

export const CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

export interface Family {
  name: string
  type: 'counter' | 'gauge'
  help: string
  samples: { labels: Record<string, string>; value: number | null | undefined }[]
}

/** What is unknown has no line, and a family without lines is left out. */
export function expose(families: readonly Family[]): string {
  return families.map(text).join('')
}

function text({ name, type, help, samples }: Family): string {
  const lines = samples.flatMap(({ labels, value }) =>
    value === null || value === undefined ? [] : [`${name}${bracketed(labels)} ${value}\n`],
  )
  if (lines.length === 0) return ''
  return `# HELP ${name} ${help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n')}\n# TYPE ${name} ${type}\n${lines.join('')}`
}

function bracketed(labels: Record<string, string>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${escaped(value)}"`)
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')
}
