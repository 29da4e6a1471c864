// npm run quickstart: installs, builds, installs the embedded inference backend, makes a tiny model, and measures it
// beside a simulated GPU. Each command is printed before it runs, for you to run it again; what is there already is
// not done twice.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const model = '.cache/tiny-random.gguf'

run('node scripts/node-modules.mjs')
run('node scripts/build.mjs')
run('node bin/llem.js backend install llamacpp --gpu none', { stdout: 2 })
if (!existsSync(join(root, model))) {
  mkdirSync(dirname(join(root, model)), { recursive: true })
  run(`node scripts/make-tiny-model.mjs ${model}`, { stdout: 2 })
}
run('node bin/llem.js run examples/quickstart.yaml --simulate')

function run(line, { stdout = 'inherit' } = {}) {
  process.stderr.write(`$ ${line}\n`)
  const { status } = spawnSync(process.execPath, line.split(' ').slice(1), {
    cwd: root,
    stdio: ['ignore', stdout, 'inherit'],
  })
  // What failed has said why.
  if (status !== 0) process.exit(status ?? 1)
}
