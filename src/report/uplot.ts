// uPlot, as it is written into the page.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The script and the style of the chart library, with its licence. */
export function chartLibrary(): { script: string; style: string } {
  const folder = dirname(createRequire(import.meta.url).resolve('uplot/package.json'))
  const read = (name: string) => readFileSync(join(folder, name), 'utf8').trim()
  const licence = `/*\n${read('LICENSE').replaceAll('*/', '')}\n*/`
  return {
    script: `${licence}\n${read('dist/uPlot.iife.min.js').replaceAll('</script', '<\\/script')}`,
    style: read('dist/uPlot.min.css'),
  }
}
