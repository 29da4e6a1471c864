// node scripts/generated-files.mjs: writes the schemas, the columns of `llem export` and the command line's reference
// into docs/, from the built llem.
// node scripts/generated-files.mjs --check: fails when a generated file that is committed is out of date, those and
// the addon's loader and types, which the build writes.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { COMMANDS } from '../dist/cli/commands.js'
import { SCHEMAS } from '../dist/cli/schema.js'
import { FINDINGS } from '../dist/findings/catalogue.js'
import { ERRORS } from '../dist/findings/errors.js'
import { COLUMNS } from '../dist/results/flat-row.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const BY_BUILD = ['crates/binding/index.js', 'crates/binding/index.d.ts']
const BY_THIS = {
  ...Object.fromEntries(
    Object.entries(SCHEMAS).map(([name, schema]) => [
      `docs/${name}.schema.json`,
      () => `${JSON.stringify(schema(), null, 2)}\n`,
    ]),
  ),
  'docs/export-columns.md': exportColumns,
  'docs/findings.md': findingsReference,
  'docs/errors.md': errorsReference,
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

/** The table that `llem export` writes, column by column. */
function exportColumns() {
  const rows = COLUMNS.map(({ name, type, description, exec }) => {
    return `| \`${name}\` | ${type} | ${exec === undefined ? 'run' : 'run, exec'} | ${description} |`
  })
  return [
    '# Columns of `llem export`',
    '',
    'Written by `npm run generate`. One row for each result.json; the columns are the same whatever is exported, and a new',
    'version may add some but renames and removes none. The unit is at the end of the name: J, W, s, ms, percent (pct),',
    'degrees Celsius (c). What is unknown or does not apply is an empty cell in CSV and null in JSON lines and Parquet;',
    'an empty text is `""` in CSV. In Parquet, text is a string, integer an INT64 and number a DOUBLE.',
    '',
    '| column | type | of | what it is |',
    '|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

/** What `llem explain` says, a heading for each code, so that a page can link to one. */
function findingsReference() {
  const sections = Object.entries(FINDINGS).map(([code, { meaning, evidence, advice }]) =>
    [
      `## ${code}`,
      '',
      meaning,
      '',
      `Seen by: ${evidence}`,
      ...(advice === null ? [] : ['', `What to do: ${advice}`]),
      '',
    ].join('\n'),
  )
  const lead =
    'Written by `npm run generate`. `findings` of a result has them, with the figures of the case; so does `llem explain`.'
  return `# Findings\n\n${lead}\n\n${sections.join('\n')}`
}

function errorsReference() {
  const lead = [
    'Written by `npm run generate`. A failure ends with its code in brackets. Its message says what to type or do next. The exit',
    'code is 2 for what was typed, 1 for what failed, 130 for an interruption.',
  ]
  const rows = Object.entries(ERRORS).map(([code, meaning]) => `| \`${code}\` | ${meaning} |`)
  return ['# Errors', '', ...lead, '', '| code | when it comes |', '|---|---|', ...rows, ''].join('\n')
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
  return [
    path,
    ...command
      .createHelp()
      .visibleCommands(command)
      .filter((nested) => nested.name() !== 'help')
      .flatMap((nested) => pathsOf(nested, [...path, nested.name()])),
  ]
}
