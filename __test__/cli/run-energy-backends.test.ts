import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it, vi } from 'vitest'
import { endsWithin, isRunning } from '../backends/processes.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { energyDataHome, installReal, pathWithNvidiaSmi } from '../energy/python-backends.js'
import { llem } from '../native/llem.js'
import { atNight } from '../setup/at-night.js'
import { childrenOf, LONG, measured, pathIn, resultIn, run, startRun } from './experiment.js'

vi.setConfig({ testTimeout: 120_000 })

const env = { XDG_DATA_HOME: energyDataHome, PATH: pathWithNvidiaSmi() }
let missing: string | null = null

beforeAll(async () => {
  missing = (await installReal('zeus')) ?? (await installReal('codecarbon'))
}, 900_000)

const ofPython = (pids: readonly number[]) =>
  pids.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('python'))

// They wait for helpers, and for windows of their own.
describe.concurrent('llem run', () => {
  it('measures with Zeus where it works, and says with what and what it comes to', async (context) => {
    if (missing !== null) context.skip(missing)
    const sets = ['energy.backend=zeus', 'carbon.country=FRA', 'carbon.pue=1.5', 'price_per_kwh=0.2']
    // A folder of its own for what is temporary, to see that nothing is left in it.
    const TMPDIR = scratchFolder()
    const { code, stdout, outputDir } = await run(['-n', '100', '--simulate'], sets, { ...env, TMPDIR })
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    expect(result.energy).toMatchObject({
      backend: 'zeus',
      selection: {
        requested: 'zeus',
        chosen: 'zeus',
        tried: [{ backend: 'zeus', available: true, reason: null }],
        failure: null,
      },
      contamination: { other_samplers: null },
    })
    expect(result.total_energy_j).toBe(result.energy?.total_j)
    // The GPU has Zeus's joules, and llem's own stand beside them.
    expect(result.energy?.devices).toMatchObject([
      { total_j: result.energy?.total_j, reason: 'measured by zeus' },
    ])
    expect(result.energy?.cross_check?.devices?.[0]?.total_j).toBe(result.energy?.cross_check?.total_j)
    const { code: verified, stdout: checks } = await llem(['verify', pathIn(outputDir, '')])
    expect(checks).toMatch(/^energy\.cross_check\.devices\[0\]\.total_j /m)
    expect(verified).toBe(0)
    expect(result.environment.versions).toMatchObject({ zeus: '0.16.0', python: expect.any(String) })
    expect(stdout).toMatch(/\n {2}Measured by +zeus, counter/)
    expect(stdout).toMatch(
      /\n {2}Cross-check +[\d.]+ J \+- [\d.]+ J by llem's own sampler, -?\d+\.\d% apart\n/,
    )
    expect(stdout).toMatch(/\n {2}Carbon +\S+ gCO2e at 56 g\/kWh, PUE 1\.5 \(FRA: Ember/)
    expect(stdout).toMatch(/\n {2}Cost +\S+ at 0\.2 per kWh, PUE 1\.5 \(price_per_kwh\)\n/)
    // The scenario that was shared with the helper went with llem.
    expect(readdirSync(TMPDIR)).toEqual([])
  })

  it('completes with its own energy and a warning when the helper is killed in the window', async (context) => {
    if (missing !== null) context.skip(missing)
    const { child, ended, outputDir } = startRun(
      ['--simulate'],
      [...LONG, 'n_prompts=40', 'warmup.enabled=false', 'energy.backend=zeus'],
      env,
    )
    await measured(outputDir, 3)
    const [helper, ...others] = ofPython(childrenOf(child.pid))
    expect(others).toEqual([])
    process.kill(Number(helper), 'SIGKILL')
    const { code, stderr } = await ended
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    expect(result.energy).toMatchObject({
      backend: 'nvml',
      selection: { chosen: 'zeus', failure: expect.stringContaining('was killed by SIGKILL') },
    })
    expect(Number(result.total_energy_j)).toBeGreaterThan(0)
    const warning = 'zeus failed in the measurement, the energy is that of llem'
    expect(result.measurement_warnings.join()).toContain(`energy_backend_failed: ${warning}`)
    expect(stderr).toContain(`Warning (non-fatal): ${warning}`)
  })

  atNight('leaves no helper behind when it is killed itself', async (context) => {
    if (missing !== null) context.skip(missing)
    const sets = [...LONG, 'warmup.enabled=false', 'energy.backend=zeus']
    const { child, ended, outputDir } = startRun(['--simulate'], sets, env)
    await measured(outputDir, 3)
    const [helper] = ofPython(childrenOf(child.pid))
    expect(isRunning(Number(helper))).toBe(true)
    child.kill('SIGKILL')
    await ended
    expect(await endsWithin(Number(helper), 5000)).toBe(true)
  })

  it('has the CPU’s energy by CodeCarbon where nothing reads a GPU, and says so everywhere', async (context) => {
    if (missing !== null) context.skip(missing)
    const { code, stdout, outputDir } = await run(['-n', '60'], ['generation.ignore_eos=true'], env)
    expect(code).toBe(0)
    const result = resultIn(outputDir)
    expect(result.energy).toMatchObject({
      ...{ backend: 'codecarbon', domain: 'cpu', method: null, devices: [] },
      reason: expect.stringMatching(
        /^nothing reads a GPU here; it is the energy of the CPU by codecarbon 3\.3\.2 \(CodeCarbon: .+\)$/,
      ),
      selection: { requested: 'auto', chosen: 'codecarbon' },
    })
    const [cpu] = result.energy?.measurement?.domains ?? []
    expect(Number(result.total_energy_j)).toBeGreaterThan(0)
    expect(result.total_energy_j).toBe(cpu?.energy_j)
    expect(result.quoted).toMatchObject({ domain: 'cpu', value: result.energy_per_output_token_j })
    expect(result.measurement_warnings.join()).toContain('energy_of_cpu: nothing reads a GPU here')
    expect(stdout).toMatch(/\n {2}Quoted +.*J\/output token, of the whole run, the energy of the CPU\n/)
  })

  it('refuses a backend that was named and is not installed, and says how to install it', async () => {
    const { code, stderr } = await run(['--simulate'], ['energy.backend=codecarbon'])
    expect(code).toBe(2)
    expect(stderr).toContain(
      'The energy backend codecarbon is not available here: codecarbon is not installed. Install it with `llem backend install codecarbon`. Or set energy.backend to auto, or to null to disable. [ENERGY_BACKEND_UNAVAILABLE]\n',
    )
  })
})

describe.concurrent('what can measure here', () => {
  atNight(
    'llem devices -v shows what each backend says of the GPUs, and what auto takes',
    async (context) => {
      if (missing !== null) context.skip(missing)
      const { code, stdout } = await llem(['devices', '-v', '--simulate'], { env })
      expect(code).toBe(0)
      expect(stdout).toMatch(
        /\nnvml +\S+ +yes +chosen by auto\nzeus +0\.16\.0 +yes\nrapl .+\ncodecarbon +3\.3\.2 +yes\n/,
      )
      const own = {
        PATH: env.PATH,
        LLEM_PYTHON: join(energyDataHome, 'llem/energy-backends/zeus-0.16.0/bin/python'),
      }
      const withOwn = await llem(['devices', '-v', '--simulate'], { env: own })
      expect(withOwn.stdout).toMatch(/\nnvml +\S+ +yes +chosen by auto\nzeus +0\.16\.0 +yes\n/)
      expect(withOwn.stdout).toMatch(/\ncodecarbon +- +no +\S+\/python has no package codecarbon\n/)
      const without = await llem(['devices', '-v', '--simulate'], { env: { PATH: env.PATH } })
      expect(without.stdout).toMatch(/\nnvml +\S+ +yes +chosen by auto\nzeus +- +no +zeus is not installed\n/)
    },
  )

  it('llem backend list shows where each is, and why it cannot read a GPU', async (context) => {
    if (missing !== null) context.skip(missing)
    const { stdout } = await llem(['backend', 'list', '--json'], { env })
    const rows: { name: string; path: string | null; problem: string | null }[] = JSON.parse(stdout)
    const row = (name: string, version: unknown) => ({
      kind: 'energy',
      name,
      version,
      installed: true,
      path:
        name === 'nvml' || name === 'rapl'
          ? null
          : expect.stringMatching(`/energy-backends/${name}-${version}$`),
      available: false,
      domain: null,
      problem: expect.stringContaining('NVIDIA management library could not be loaded'),
      hint: expect.stringContaining('Install the NVIDIA driver'),
    })
    expect(rows.filter((each) => 'available' in each)).toEqual([
      row('nvml', expect.any(String)),
      row('zeus', '0.16.0'),
      {
        ...row('rapl', expect.any(String)),
        ...{ path: null, problem: expect.stringMatching(/^this machine has no RAPL zones/), hint: null },
      },
      // Without a GPU it can still tell the energy of the CPU.
      { ...row('codecarbon', '3.3.2'), available: true, domain: 'cpu', problem: null, hint: null },
    ])
    for (const { path } of rows) expect(path === null || existsSync(path)).toBe(true)
  })
})

describe('llem backend install', () => {
  it('of Zeus prints the place of one that is there already', async (context) => {
    if (missing !== null) context.skip(missing)
    const { code, stdout, stderr } = await llem(['backend', 'install', 'zeus'], { env })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\S+\/energy-backends\/zeus-0\.16\.0\n$/)
    expect(stderr).toMatch(/zeus 0\.16\.0 is installed already\n$/)
  })

  it.for([
    [
      'without Python says how to get it',
      { PATH: '/nonexistent' },
      'PYTHON_NOT_FOUND',
      /python3 was not found/,
    ],
    [
      'with a Python that cannot make environments says what to install',
      { LLEM_PYTHON: '/bin/false' },
      'VENV_MISSING',
      /python3-venv/,
    ],
  ] as const)('%s', async ([, own, code, text]) => {
    const ended = await llem(['backend', 'install', 'zeus', '-q'], {
      env: { ...own, XDG_DATA_HOME: pathWithNvidiaSmi().split(':')[0] },
    })
    expect(ended).toMatchObject({ code: 1, stdout: '' })
    expect(ended.stderr).toContain(`[${code}]`)
    expect(ended.stderr).toMatch(text)
  })
})
