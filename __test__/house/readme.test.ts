import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const readme = readFileSync(join(root, 'README.md'), 'utf8')

/** The blocks of one language, in order. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map(
    ([, body]) => body ?? '',
  )
}

/** The block below `<!-- name -->`. */
function output(name: string): string {
  return new RegExp(`<!-- ${name} -->\\n\`\`\`text\\n(.*?)\`\`\``, 's').exec(readme)?.[1] ?? ''
}

/**
 * What stays the same from run to run and from machine to machine: the words, not the numbers, the folders, where
 * it runs, and what the numbers gave cause to warn of.
 */
function skeleton(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => !line.trim().startsWith('Warning:'))
    .map((line) =>
      line
        .replace(' | container', '')
        .replace(/(\S*\/)?results\/\S+/g, 'FOLDER')
        .replace(/[\d][\d.,:e+-]*/g, '#')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .filter((line) => line !== '')
}

/** A folder where `npx llem` is this llem, with the model and the configuration that the README speaks of. */
function reader(): { cwd: string; env: NodeJS.ProcessEnv } {
  const cwd = mkdtempSync(join(tmpdir(), 'llem-readme-'))
  mkdirSync(join(cwd, 'bin'))
  writeFileSync(
    join(cwd, 'bin/npx'),
    `#!/bin/sh\n[ "$1" = llem ] && shift && exec "${process.execPath}" "${join(root, 'bin/llem.js')}" "$@"\nexit 127\n`,
  )
  chmodSync(join(cwd, 'bin/npx'), 0o755)
  mkdirSync(join(cwd, 'node_modules'))
  symlinkSync(root, join(cwd, 'node_modules/llem'))
  execFileSync(process.execPath, [join(root, 'scripts/make-tiny-model.mjs'), join(cwd, 'model.gguf')])
  for (const name of ['experiment.yaml', 'grid.yaml']) {
    const yaml = blocks('yaml').find((block) => block.startsWith(`# ${name}`))
    writeFileSync(join(cwd, name), yaml ?? '')
  }
  const env = {
    ...process.env,
    PATH: `${join(cwd, 'bin')}${delimiter}${process.env.PATH}`,
    // The README speaks to someone who has a GPU; this one is simulated.
    LLEM_NVML_LIBRARY: join(root, 'crates/nvml-sim/lib/libnvidia-ml.so.1'),
  }
  return { cwd, env }
}

describe('the README', () => {
  let place: ReturnType<typeof reader>
  beforeAll(() => {
    place = reader()
  })
  afterAll(() => rmSync(place.cwd, { recursive: true }))

  const commands = blocks('sh').filter((block) => !block.startsWith('npm '))
  it.each(commands)('shows a command that works: %s', { timeout: 120_000 }, (block) => {
    const run = spawnSync('sh', ['-euc', block], { ...place, encoding: 'utf8', timeout: 120_000 })
    expect(run.status, run.stderr).toBe(0)
  })

  it('has two commands that set everything up, and package.json has them', () => {
    const scripts = blocks('sh').filter((block) => block.startsWith('npm '))
    expect(scripts.map((block) => block.trim())).toEqual(['npm run quickstart', 'npm test'])
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(manifest.scripts).toHaveProperty('quickstart')
    expect(manifest.scripts).toHaveProperty('test')
  })

  it('shows what exec really prints', () => {
    const run = spawnSync('npx', ['llem', 'exec', '--', 'sleep', '1'], { ...place, encoding: 'utf8' })
    const [simulated, ...printed] = skeleton(run.stderr)
    expect(simulated).toMatch(/^SIMULATED/)
    expect(printed).toEqual(skeleton(output('exec-output')))
  })

  it('shows what the quickstart really prints', { timeout: 300_000 }, () => {
    const run = spawnSync(process.execPath, [join(root, 'scripts/quickstart.mjs')], {
      cwd: root,
      encoding: 'utf8',
      timeout: 300_000,
    })
    expect(run.status, run.stderr).toBe(0)
    // On a machine that others use too some request takes so long that its decode can be told apart.
    const told = skeleton(run.stdout).filter((line) => !line.startsWith('Phases '))
    expect(told).toEqual(skeleton(output('quickstart-output')))
  })

  it('shows a library call that works', () => {
    const [snippet = ''] = blocks('js')
    const script = join(place.cwd, 'snippet.mjs')
    writeFileSync(
      script,
      `${snippet}\nfunction generate() { return new Promise((done) => setTimeout(() => done('text'), 1000)) }\n`,
    )
    const run = spawnSync(process.execPath, [script], { ...place, encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(run.stdout).toMatch(/^\d+(\.\d+)? J by (counter|integral)\n$/)
  })

  it('links only to files that are there', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path]) => join(root, path ?? ''))
    expect(links.length).toBeGreaterThan(0)
    expect(links.filter((path) => !existsSync(path))).toEqual([])
  })
})
