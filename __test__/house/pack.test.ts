// What people get: the packed llem, installed in an empty folder on a machine without Rust.

import { execFileSync, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hostPlatform } from '../../scripts/platform.mjs'
import { packedFolder, tarball } from './packed.js'
import { root } from './sources.js'

const platform = hostPlatform()
const scratch = mkdtempSync(join(tmpdir(), 'llem-pack-'))
const programs = join(scratch, 'bin')
const project = join(scratch, 'project')
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const contents = (name: string) =>
  execFileSync('tar', ['-tzf', tarball(name)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((path) => path.replace(/^package\//, ''))

/** Only these can be started, so there is no cargo; of the npm that runs these tests only its registry is known. */
const environment = {
  PATH: programs,
  HOME: scratch,
  NO_COLOR: '1',
  npm_config_cache: npmSetting('cache'),
  npm_config_userconfig: npmSetting('userconfig'),
}

function inProject(program: string, ...args: string[]) {
  return spawnSync(join(programs, program), args, { cwd: project, env: environment, encoding: 'utf8' })
}

beforeAll(() => {
  packedFolder()
  mkdirSync(programs)
  for (const name of ['node', 'npm', 'npx', 'sh', 'sleep'])
    symlinkSync(programOnPath(name), join(programs, name))
  mkdirSync(project)
  writeFileSync(join(project, 'package.json'), '{ "private": true }\n')
  const quiet = ['--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error', '--prefer-offline']
  const installed = inProject('npm', 'install', ...quiet, tarball('llem'), tarball(`llem-${platform}`))
  expect(installed).toMatchObject({ status: 0, stderr: '' })
}, 180_000)

afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('the installed llem', () => {
  it('says its version', () => {
    expect(inProject('npx', '--no-install', 'llem', '--version')).toMatchObject({
      status: 0,
      stdout: '0.1.0\n',
    })
  })

  it('measures a command on the simulated GPU', () => {
    const { status, stdout } = inProject(
      'npx',
      '--no-install',
      'llem',
      'exec',
      '--simulate',
      '--json',
      '--',
      'sleep',
      '1',
    )
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ simulated: true })
  })

  it('knows the scenarios by name', () => {
    const { status, stdout } = inProject('npx', '--no-install', 'llem', 'devices', '--simulate', 'v100')
    expect(status).toBe(0)
    expect(stdout).toContain('Tesla V100')
  })

  it('exports what it measured as Parquet, by the packages that are not bundled', () => {
    const llem = (...args: string[]) => inProject('npx', '--no-install', 'llem', ...args)
    expect(llem('exec', '--simulate', '-q', '-o', 'results', '--', 'sleep', '0.5')).toMatchObject({
      status: 0,
    })
    expect(llem('export', 'results', '-o', 'results.parquet')).toMatchObject({ status: 0 })
    const script = `import('hyparquet').then(async ({ asyncBufferFromFile, parquetReadObjects }) => {
      const rows = await parquetReadObjects({ file: await asyncBufferFromFile('results.parquet') })
      console.log(rows[0].kind)
    })`
    expect(inProject('node', '-e', script)).toMatchObject({ status: 0, stdout: 'exec\n', stderr: '' })
  })

  it('is a library, with the addon behind it', () => {
    const script = `import('llem').then(async ({ monotonicNs, runExperiment }) => {
      console.log(typeof runExperiment, typeof (await monotonicNs()))
    })`
    expect(inProject('node', '-e', script)).toMatchObject({
      status: 0,
      stdout: 'function number\n',
      stderr: '',
    })
  })

  it('brings types that a program in TypeScript compiles against', () => {
    writeFileSync(
      join(project, 'program.mts'),
      `import { type ExperimentResult, runExperiment } from 'llem'\n${PROGRAM}`,
    )
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node']
    // Whoever writes TypeScript for Node has its types; Symbol.dispose comes with them.
    options.push('--typeRoots', join(root, 'node_modules/@types'))
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    expect(inProject('node', tsc, ...options, 'program.mts')).toMatchObject({ status: 0, stdout: '' })
  })

  it('has the native package of this machine alone, and nothing that only developing needs', () => {
    const installed = readdirSync(join(project, 'node_modules'))
    expect(installed.filter((name) => name.startsWith('llem'))).toEqual(['llem', `llem-${platform}`])
    expect(installed).not.toContain('vitest')
    expect(installed).not.toContain('@napi-rs')
  })
})

const PROGRAM = `
const { result } = await runExperiment({ model: 'model.gguf' }, { simulate: true })
export const typed: ExperimentResult = result
`

describe('the package', () => {
  it('has the command, the library and the texts, and no tests, sources or tools', () => {
    const places = new Set(contents('llem').map((path) => path.split('/')[0]))
    expect([...places].sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'THIRD-PARTY-LICENSES',
        'bin',
        'crates',
        'dist',
        'package.json',
        'python',
      ].sort(),
    )
    const expected = /^(dist\/.*\.(js|d\.ts)|crates\/nvml-sim\/scenarios\/[a-z0-9-]+\.json)$/
    const odd = contents('llem').filter((path) => !expected.test(path) && path.includes('/'))
    expect(odd.sort()).toEqual([
      'bin/llem.js',
      'crates/binding/index.d.ts',
      'crates/binding/index.js',
      'python/cuda_context.py',
      'python/energy_helper.py',
      'python/in_service.py',
      'python/pulses.py',
      'python/pytorch_worker.py',
    ])
  })

  it('has what src/ has now, and nothing that was built from a file that is gone', () => {
    const built = contents('llem').filter((path) => /^dist\/(?!bundle\/).*\.js$/.test(path))
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    const expected = sources
      .filter((path) => path.endsWith('.ts'))
      .map((path) => `dist/${path.replace(/\.ts$/, '.js')}`)
    expect(built.sort()).toEqual(expected.sort())
  })

  it('of a platform has the addon and the simulated library', () => {
    expect(contents(`llem-${platform}`).sort()).toEqual(
      [
        'LICENSE',
        'README.md',
        'THIRD-PARTY-LICENSES',
        `llem.${platform}.node`,
        'package.json',
        'sim/libnvidia-ml.so.1',
      ].sort(),
    )
  })

  it.each([
    ['llem', Object.keys(manifest.dependencies)],
    [`llem-${platform}`, ['arrow-array', 'napi', 'nvml-wrapper', 'parquet', 'rtrb']],
  ])('%s has the licences of what it contains', (name, contained) => {
    const licences = execFileSync('tar', ['-xzOf', tarball(name), 'package/THIRD-PARTY-LICENSES'], {
      encoding: 'utf8',
    })
    const list = [...licences.matchAll(/^ {2}(\S+) \S+ \(.+\)$/gm)].map(([, listed]) => listed)
    expect(list).toEqual(expect.arrayContaining(contained))
    for (const listed of list) expect(licences).toMatch(new RegExp(`^(.*, )?${listed} [^(]*$`, 'm'))
    expect(licences).toContain('Permission is hereby granted')
  })

  it.each([
    // 60 kB of it draw the pages of reports, 40 kB run campaigns on Slurm; models by name, other benchmarks' results and what
    // runners and workers have in the bundle came last: 1.80 MB in all.
    ['llem', 1_900_000],
    [`llem-${platform}`, 4_000_000],
  ])('%s is below %d bytes', (name, limit) => {
    expect(statSync(tarball(name)).size).toBeLessThan(limit)
  })
})

function programOnPath(name: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const path = folders.map((folder) => join(folder, name)).find(existsSync)
  if (path === undefined) throw new Error(`${name} is not on PATH`)
  return realpathSync(path)
}

function npmSetting(name: string): string {
  return execFileSync('npm', ['config', 'get', name, '--loglevel=error'], { encoding: 'utf8' }).trim()
}
