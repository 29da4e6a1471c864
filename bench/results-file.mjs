import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { report, sectionOf } from './report.mjs'

/** Puts what one part measured beside what the others did, writes both files, and answers the part's tables. */
export function saveResults(folder, part, measured) {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'results.json')
  const results = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
  results[part] = measured
  writeFileSync(path, textOf(results))
  writeFileSync(join(folder, 'RESULTS.md'), report(results))
  return sectionOf(part, measured)
}

/** A line for each object that has no other in it: there are a thousand. */
export function textOf(results) {
  const text = JSON.stringify(results, null, 2)
  return `${text.replace(/\{[^{}[\]]*\}/g, (object) => object.replace(/\n\s*/g, ' '))}\n`
}
