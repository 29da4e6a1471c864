// node bench/gpu/pack.mjs [FOLDER]: puts all that the probe needs on a machine without Rust, npm and network into one
// folder, by default .cache/bench-gpu: the probe, the built addon and this very Node, compressed. Prints its size, and
// fails where that is more than a machine takes.
import { copyFileSync, createReadStream, createWriteStream, mkdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { createGzip } from 'node:zlib'
import { filesBelow } from '../../scripts/files-below.mjs'
import { hostPlatform } from '../../scripts/platform.mjs'

const LIMIT_BYTES = 64 * 1024 * 1024
const here = fileURLToPath(new URL('.', import.meta.url))
const root = join(here, '../..')
const folder = resolve(process.argv[2] ?? join(root, '.cache/bench-gpu'))
const addon = `llem.${hostPlatform()}.node`

if (process.config.variables.node_shared) {
  throw new Error('this Node is not one file (its code is in libnode.so); pack with another')
}
rmSync(folder, { recursive: true, force: true })
for (const path of filesBelow(here).filter((path) => /\.py$|^sampler\.mjs$|^README\.md$/.test(path))) {
  put(join(here, path), path)
}
put(join(root, 'crates/binding', addon), addon)
// gzip and not xz, because Node writes it and Python reads it without anything else; 37 MB instead of 22.
await pipeline(createReadStream(process.execPath), createGzip(), createWriteStream(join(folder, 'node.gz')))

const bytes = filesBelow(folder).reduce((sum, path) => sum + statSync(join(folder, path)).size, 0)
console.log(`${folder}  ${(bytes / 1024 / 1024).toFixed(1)} MiB`)
if (bytes > LIMIT_BYTES) throw new Error(`more than ${LIMIT_BYTES / 1024 / 1024} MiB`)

function put(from, to) {
  mkdirSync(dirname(join(folder, to)), { recursive: true })
  copyFileSync(from, join(folder, to))
}
