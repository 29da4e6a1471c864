// bench/results.json -> bench/RESULTS.md. node bench/report.mjs writes the tables again without measuring.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { accuracySection } from './accuracy/report.mjs'
import { parquetSection } from './parquet/report.mjs'
import { samplingSection } from './sampling/report.mjs'
import { startupSection } from './startup/report.mjs'

const SECTIONS = {
  accuracy: ['Accuracy', accuracySection],
  sampling: ['Sampling', samplingSection],
  parquet: ['Parquet', parquetSection],
  startup: ['Start-up', startupSection],
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = (name) => fileURLToPath(new URL(name, import.meta.url))
  writeFileSync(path('RESULTS.md'), report(JSON.parse(readFileSync(path('results.json'), 'utf8'))))
}

/** The text of RESULTS.md. */
export function report(results) {
  const parts = Object.keys(SECTIONS).filter((part) => part in results)
  return `# Results of the bench

Written by \`npm run bench\` from \`results.json\`; nothing in it is typed by hand.

${parts.map((part) => sectionOf(part, results[part])).join('\n')}`
}

/** One part: when and where it was measured, and its tables. */
export function sectionOf(part, measured) {
  const [title, section] = SECTIONS[part]
  const { date, isQuick, machine } = measured
  const { cpu, cores, memory_gib, kernel, node, load_average_before } = machine
  return `## ${title}

${isQuick ? 'QUICK: too few and too short measurements to compare. ' : ''}Measured ${date.slice(0, 16).replace('T', ' ')} UTC on ${cpu}, ${cores} cores,
${memory_gib} GiB, Linux ${kernel}, Node ${node.slice(1)}; load average before it ${load_average_before}.

${section(measured)}
`
}
