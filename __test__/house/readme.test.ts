import { execFile, execFileSync, spawnSync } from 'node:child_process'
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
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { isNight } from '../setup/at-night.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const GUIDE = [
  'README',
  'command',
  'model',
  'campaign',
  'results',
  'report',
  'accuracy',
  'other-meters',
  'troubleshooting',
  'library',
]
/** In the order in which they are read: what one page makes the next may use. */
const PAGES = ['README.md', ...GUIDE.map((page) => `docs/guide/${page}.md`)]
const pages = PAGES.map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
const readme = pages[0]?.text ?? ''
/** By day the commands of the guide but for those of its first pages are not typed: each takes seconds. */
const typed = (isNight ? pages : pages.slice(0, 3)).map(({ text }) => text)

/** The blocks of one language, in order; the same one once. */
function blocks(language: string, texts = pages.map(({ text }) => text)): string[] {
  const block = new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\`$`, 'gms')
  const bodies = texts.flatMap((text) => [...text.matchAll(block)].map(([, body]) => unindented(body ?? '')))
  return [...new Set(bodies)]
}

function unindented(text: string): string {
  return text.replaceAll(/^ {3}/gm, '')
}

/** The blocks below `<!-- name -->`. */
function outputs(name: string): string[] {
  const block = new RegExp(`<!-- ${name} -->\\n\`\`\`text\\n(.*?)\`\`\``, 'gs')
  return pages.flatMap(({ text }) => [...text.matchAll(block)].map(([, body]) => body ?? ''))
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

/** What takes long and neither uses nor makes what another one has. */
const isAlone = (block: string) => /^npx llem (idle|calibrate|exec --runs) /.test(`${block.trim()} `)

describe.concurrent('the README and the guide beside one another', () => {
  it.each(blocks('sh', typed).filter(isAlone))(
    'show a command that works: %s',
    { timeout: 120_000 },
    async (block) => {
      const { cwd, env } = reader()
      await promisify(execFile)('sh', ['-euc', block], { cwd, env }).catch((error) => {
        // The simulated model comes and goes by the clock, and on a busy machine llem may be too late to see its levels.
        if (!/^Unloading pays: unknown: .*power/m.test(error.stdout)) throw error
      })
      rmSync(cwd, { recursive: true })
    },
  )

  it('show what the quickstart really prints', { timeout: 300_000 }, async ({ expect }) => {
    const quickstart = join(root, 'scripts/quickstart.mjs')
    const { stdout } = await promisify(execFile)(process.execPath, [quickstart], { cwd: root })
    // On a machine that others use too some request takes so long that its decode can be told apart.
    // The simulated GPU draws what its scenario says, whether a model is parked or not: its levels come and go.
    const told = skeleton(stdout).filter((line) => !/^(Phases|Idle|Active) /.test(line))
    expect(outputs('quickstart-output').map(skeleton)).toEqual([told])
  })
})

describe('the README and the guide', () => {
  let place: ReturnType<typeof reader>
  beforeAll(() => {
    place = reader()
  })
  afterAll(() => rmSync(place.cwd, { recursive: true }))

  const commands = blocks('sh', typed).filter((block) => !block.startsWith('npm '))
  it.each(commands.filter((block) => !isAlone(block)))(
    'show a command that works: %s',
    { timeout: 120_000 },
    (block) => {
      const run = spawnSync('sh', ['-euc', block], { ...place, encoding: 'utf8', timeout: 120_000 })
      expect(run.status, run.stderr).toBe(0)
    },
  )

  it('are short, and the one leads to the other', () => {
    expect(readme.split('\n').length).toBeLessThanOrEqual(151)
    for (const page of GUIDE.slice(1)) expect(pages[1]?.text, page).toContain(`](${page}.md)`)
    expect(readme).toContain('](docs/guide/README.md)')
  })

  it('have two commands that set everything up, and package.json has them', () => {
    const scripts = blocks('sh', [readme]).filter((block) => block.startsWith('npm '))
    expect(scripts.map((block) => block.trim())).toEqual(['npm run quickstart', 'npm test'])
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    expect(manifest.scripts).toHaveProperty('quickstart')
    expect(manifest.scripts).toHaveProperty('test')
  })

  it('show what exec really prints', () => {
    const run = spawnSync('npx', ['llem', 'exec', '--', 'sleep', '1'], { ...place, encoding: 'utf8' })
    const [simulated, ...printed] = skeleton(run.stderr)
    expect(simulated).toMatch(/^SIMULATED/)
    const shown = outputs('exec-output')
    expect(shown.length).toBeGreaterThan(0)
    for (const output of shown) expect(skeleton(output)).toEqual(printed)
  })

  it('show a library call that works', () => {
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

  it('link only to files that are there', () => {
    const links = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, link]) => join(root, dirname(path), link ?? '')),
    )
    expect(links.length).toBeGreaterThan(20)
    expect(links.filter((path) => !existsSync(path))).toEqual([])
  })
})
