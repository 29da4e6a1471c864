#!/usr/bin/env node
// The version is answered without loading anything, because scripts and shells ask for it often.
import { readFileSync } from 'node:fs'

const [first] = process.argv.slice(2)
if (first === '--version' || first === '-V') {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  process.stdout.write(`${version}\n`)
} else {
  const loaded = await import('../dist/bundle/main.js').catch((error) => {
    // Files of llem itself that cannot be opened: there is nothing yet that could tell it better.
    if (error.syscall === undefined) throw error
    process.stderr.write(`llem: its own files cannot be read: ${error.message}. [SYSTEM_FAULT]\n`)
    return null
  })
  process.exitCode = loaded === null ? 1 : await loaded.main(process.argv.slice(2))
}
