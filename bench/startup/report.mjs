import { digits, table } from '../table.mjs'

export function startupSection({ commands }) {
  const rows = commands.map(({ command, p50_ms, p95_ms, runs }) => [
    `\`${command}\``,
    digits(p50_ms),
    digits(p95_ms),
    runs,
  ])
  return `Milliseconds from starting the process to its end.

${table(['command', 'p50', 'p95', 'runs'], rows)}`.trimEnd()
}
