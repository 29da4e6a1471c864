#!/usr/bin/env node
// The version is answered without loading anything, because scripts and shells ask for it often.
import { readFileSync } from 'node:fs'

const [first] = process.argv.slice(2)
if (first === '--version' || first === '-V') {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  process.stdout.write(`${version}\n`)
} else {
  const { main } = await import('../dist/bundle/main.js')
  process.exitCode = await main(process.argv.slice(2))
}
