// node scripts/generated-files.mjs: writes docs/experiment.schema.json and docs/cli.md from the built llem.
// node scripts/generated-files.mjs --check: fails when a generated file that is committed is out of date, those and
// the addon's loader and types, which the build writes.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { COMMANDS } from '../dist/cli/commands.js'
import { experimentJsonSchema } from '../dist/config/json-schema.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const BY_BUILD = ['crates/binding/index.js', 'crates/binding/index.d.ts']
const BY_THIS = {
  'docs/experiment.schema.json': () => `${JSON.stringify(experimentJsonSchema(), null, 2)}\n`,
  'docs/cli.md': commandLineReference,
}

if (process.argv.includes('--check')) check()
else write()

function write() {
  for (const [path, generate] of Object.entries(BY_THIS)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), generate())
  }
}

function check() {
  const stale = Object.keys(BY_THIS).filter((path) => textOf(path) !== BY_THIS[path]())
  if (stale.length > 0) {
    console.error(`out of date: ${stale.join(', ')}; run \`npm run generate\` and commit the result`)
    process.exitCode = 1
  }
  // The build has just written these, so what git has is the other side of the comparison; staged is good enough.
  const { status } = spawnSync('git', ['diff', '--exit-code', '--', ...BY_BUILD], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) {
    console.error('the build changed the generated files above; commit them')
    process.exitCode = 1
  }
}

function textOf(path) {
  return existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : null
}

/** The help of every command, as a person sees it on a terminal of 80 columns. */
function commandLineReference() {
  const program = new Command('llem').enablePositionalOptions()
  for (const { name, define } of COMMANDS) define(program.command(name))
  const sections = pathsOf(program).map((path) => {
    const help = execFileSync(process.execPath, ['bin/llem.js', ...path, '--help'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    })
    return `## ${['llem', ...path].join(' ')}\n\n\`\`\`text\n${help.trimEnd()}\n\`\`\`\n`
  })
  return `# Command line\n\nWritten by \`npm run generate\` from the built \`llem\`.\n\n${sections.join('\n')}`
}

function pathsOf(command, path = []) {
  return [path, ...command.commands.flatMap((nested) => pathsOf(nested, [...path, nested.name()]))]
}
