// What `npm test` counts: a runner that counts wrong hides every other failure.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { isInstalled } from '../../scripts/node-modules.mjs'
import { cargoTally } from '../../scripts/testing/cargo-tally.mjs'
import { summarise } from '../../scripts/testing/summary.mjs'
import VitestTally from '../../scripts/testing/vitest-tally.mjs'

const scratch = mkdtempSync(join(tmpdir(), 'llem-runner-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

describe('the tally of cargo', () => {
  it('adds up all test programs', () => {
    const output = `
test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
`
    expect(cargoTally(output)).toEqual({ passed: 15, failed: 2, skipped: [] })
  })

  it('takes a test that says SKIPPED for skipped, with its reason', () => {
    const output = `---- the_bindings_measure stdout ----
SKIPPED: the_bindings_measure: python3 does not start: not found
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
`
    expect(cargoTally(output)).toEqual({
      passed: 4,
      failed: 0,
      skipped: [{ name: 'the_bindings_measure', reason: 'python3 does not start: not found' }],
    })
  })

  it('takes an ignored test for skipped, but not one that is a part of another', () => {
    const output = `test slow ... ignored, needs an hour
test faults::hard ... ignored
test child_that_initialises ... ignored, a part of other tests, which start it as a process
`
    expect(cargoTally(output).skipped).toEqual([
      { name: 'slow', reason: 'needs an hour' },
      { name: 'faults::hard', reason: 'ignored without a reason' },
    ])
  })

  it('is not misled by colours', () => {
    const output =
      'test result: \u001b[32mok\u001b[0m. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'
    expect(cargoTally(output).passed).toBe(2)
  })
})

describe('the tally of vitest', () => {
  const test = (state: string, note?: string, flaky = false) => ({
    fullName: 'its name',
    options: { mode: 'run' },
    result: () => ({ state, note }),
    diagnostic: () => ({ flaky }),
  })
  const moduleOf = (tests: object[], errors: object[] = []) => ({
    errors: () => errors,
    children: { allSuites: () => [], allTests: () => tests },
    relativeModuleId: 'its file',
    diagnostic: () => ({ duration: 1500 }),
  })
  const slowest = [{ name: 'its file', durationS: 1.5 }]

  function tallyOf(modules: object[], unhandledErrors: object[] = []) {
    const file = join(scratch, 'tally.json')
    vi.stubEnv('LLEM_TEST_TALLY', file)
    new VitestTally().onTestRunEnd(modules, unhandledErrors)
    vi.unstubAllEnvs()
    return JSON.parse(readFileSync(file, 'utf8'))
  }

  it('has the reason of a skipped test', () => {
    expect(tallyOf([moduleOf([test('passed'), test('failed'), test('skipped', 'no Slurm')])])).toEqual({
      passed: 1,
      failed: 1,
      skipped: [{ name: 'its name', reason: 'no Slurm' }],
      repeated: [],
      slowest,
    })
  })

  it('counts a file that does not load, or cannot prepare, as one failure', () => {
    expect(tallyOf([moduleOf([], [{}])])).toEqual({
      passed: 0,
      failed: 1,
      skipped: [],
      repeated: [],
      slowest,
    })
    expect(tallyOf([moduleOf([test('skipped')], [{}])])).toEqual({
      passed: 0,
      failed: 1,
      skipped: [],
      repeated: [],
      slowest,
    })
  })

  it('names what passed at the second try, and what the first failed with', () => {
    expect(tallyOf([moduleOf([test('passed', undefined, true)])])).toMatchObject({ repeated: ['its name'] })
    const stacks = [{ file: '/its/file.ts', line: 7 }]
    const late = {
      ...test('passed', undefined, true),
      result: () => ({ state: 'passed', errors: [{ message: 'late\nby 3 ms', stacks }] }),
    }
    expect(tallyOf([moduleOf([late])]).repeated).toEqual(['its name\n    late (file.ts:7)'])
  })

  it('counts an error outside of every test as a failure', () => {
    expect(tallyOf([moduleOf([test('passed')])], [{}])).toMatchObject({ passed: 1, failed: 1 })
  })
})

describe('the summary', () => {
  const step = { name: 'tests', ok: true, durationS: 1, passed: 3, failed: 0, skipped: [] }
  const skipped = [{ name: 'a container starts', reason: 'no container engine' }]

  it('ends with the sum over all runners', () => {
    const { lastLine, ok } = summarise([step, { ...step, passed: 4 }], false)
    expect({ lastLine, ok }).toEqual({ lastLine: '7 passed, 0 failed', ok: true })
  })

  it('fails with one failure', () => {
    const { lastLine, ok } = summarise([step, { ...step, ok: false, failed: 1 }], false)
    expect({ lastLine, ok }).toEqual({ lastLine: '6 passed, 1 failed', ok: false })
  })

  it('says every skipped test and why, and passes', () => {
    const { table, ok } = summarise([{ ...step, skipped }], false)
    expect(table).toContain('1 TEST WAS SKIPPED')
    expect(table).toContain('a container starts: no container engine')
    expect(ok).toBe(true)
  })

  it('counts a skipped test as a failure in CI', () => {
    const { lastLine, ok } = summarise([{ ...step, skipped }], true)
    expect({ lastLine, ok }).toEqual({ lastLine: '3 passed, 1 failed', ok: false })
  })

  it('names what passed at the second try', () => {
    expect(summarise([{ ...step, repeated: ['a level rises'] }], false).table).toMatch(
      /second try, .*:\n {2}a level rises\n/,
    )
  })

  it('names the files that take longest', () => {
    const slowest = [{ name: 'campaign/scale.test.ts', durationS: 61.23 }]
    expect(summarise([{ ...step, slowest }], false).table).toMatch(
      /Slowest files:\n {2}campaign\/scale\.test\.ts +61\.2 s\n/,
    )
  })

  it('fails where no test ran', () => {
    expect(summarise([{ ...step, passed: 0 }], false).ok).toBe(false)
  })
})

describe('installed packages', () => {
  const zod = { 'node_modules/zod': { version: '4.0.0' } }
  const other = { 'node_modules/other-machine': { version: '1.0.0', optional: true } }

  function isCurrent(dependencies: object, locked: object, installed: object | null): boolean {
    const write = (path: string, content: object) =>
      writeFileSync(join(scratch, path), JSON.stringify(content))
    write('package.json', { dependencies })
    write('package-lock.json', { packages: { '': { dependencies: { zod: '^4.0.0' } }, ...locked } })
    rmSync(join(scratch, 'node_modules'), { recursive: true, force: true })
    mkdirSync(join(scratch, 'node_modules'))
    if (installed !== null) write('node_modules/.package-lock.json', { packages: installed })
    return isInstalled(scratch)
  }

  it.each([
    ['are current where they are the locked ones', { zod: '^4.0.0' }, zod, zod, true],
    ['may lack what is for another machine', { zod: '^4.0.0' }, { ...zod, ...other }, zod, true],
    ['are not current when none is installed', { zod: '^4.0.0' }, zod, null, false],
    ['are not current without a locked one', { zod: '^4.0.0' }, zod, {}, false],
    ['are not current with one that is not locked', { zod: '^4.0.0' }, zod, { ...zod, ...other }, false],
    [
      'are not current in another version',
      { zod: '^4.0.0' },
      zod,
      { 'node_modules/zod': { version: '4.1.0' } },
      false,
    ],
    ['are not current when package.json asks for more', { zod: '^4.0.0', yaml: '^2.0.0' }, zod, zod, false],
  ])('%s', (_, dependencies, locked, installed, expected) => {
    expect(isCurrent(dependencies, locked, installed)).toBe(expected)
  })
})
