// GPUs that NVML does not know are devices like others: listed, chosen, measured by every command.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { chooseDevices } from '../../dist/energy/devices.js'
import type { Device } from '../../dist/native/addon.js'
import { sysfsOfGpus } from '../../dist/native/sysfs.js'
import { type ExecResult, llem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder, uuidOf } from '../native/scenario.js'
import { arc, mi300x, radeon } from './sysfs-machines.js'
import { chipNumber, pciFiles, SysfsTree } from './sysfs-tree.js'

vi.setConfig({ testTimeout: 60_000 })

const NO_NVML = '/nowhere/libnvidia-ml.so.1'
const simulated = scenarioFile([gpu(0, [{ for_s: 300, w: 300 }]), gpu(1, [{ for_s: 300, w: 200 }])])

const trees: SysfsTree[] = []
afterAll(() => {
  for (const tree of trees) tree.stop()
})

async function moving<T>(
  build: (tree: SysfsTree) => T,
): Promise<{ root: string; built: T; tree: SysfsTree }> {
  const tree = new SysfsTree()
  trees.push(tree)
  const built = build(tree)
  await tree.start()
  return { root: tree.root, built, tree }
}

/** Graphics of an Intel processor, which tell nothing. */
function graphics(tree: SysfsTree, card: number): void {
  tree.place(`class/drm/card${card}/device`, pciFiles('8086', '7d55', 'i915', '0000:00:02.0'))
}

/** A partition of a GPU, which has a card and nothing else. */
function partition(tree: SysfsTree, card: number): void {
  tree.place(`class/drm/card${card}/device`, { uevent: 'MODALIAS=platform:amdgpu_xcp\n' })
}

function environment(root: string, rest: NodeJS.ProcessEnv = {}): { env: NodeJS.ProcessEnv } {
  return { env: { LLEM_SYSFS_ROOT: root, LLEM_NVML_LIBRARY: NO_NVML, ...rest } }
}

async function listed(root: string, args: string[] = []) {
  const { code, stdout, stderr } = await llem(['devices', '--json', ...args], environment(root))
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout).devices as Record<string, unknown>[]
}

async function executed(root: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const words = ['exec', '--json', ...args, '--', 'sleep', '1.2']
  const { stdout } = await llem(words, environment(root, env))
  return JSON.parse(stdout) as ExecResult
}

describe('llem devices', () => {
  it('lists GPUs without NVML, with what their files tell and why one cannot be measured', async () => {
    const { root, built } = await moving((tree) => {
      graphics(tree, 0)
      const gpus = [mi300x(tree, 1), arc(tree, 4)] as const
      partition(tree, 2)
      return gpus
    })
    const devices = await listed(root)
    expect(devices).toMatchObject([
      {
        index: 0,
        vendor: 'intel',
        uuid: 'PCI-0000:00:02.0',
        integrated: true,
        power_domain: null,
        power_w: null,
      },
      {
        index: 1,
        vendor: 'amd',
        uuid: built[0].uuid,
        name: 'AMD Instinct MI300X OAM',
        memory_total_mb: 192 * 1024,
        power_domain: 'hwmon power1_input',
        power_limit_w: 750,
        energy_counter: true,
        pcie_generation: 5,
        pcie_width: 16,
        temperature_c: 61,
        persistence_mode: null,
        problem: null,
      },
      { index: 2, vendor: 'amd', partition: true, energy_counter: false },
      {
        index: 3,
        vendor: 'intel',
        uuid: built[1].uuid,
        name: 'Intel GPU 8086:e20b',
        memory_total_mb: null,
        power_domain: 'hwmon energy1_input',
        power_limit_w: 190,
        temperature_c: 58,
        integrated: false,
      },
    ])
    expect(devices[0]?.problem).toMatch(/^i915 shows no power and no energy in /)
    expect(devices[2]?.problem).toMatch(/^it is a partition, and the sensor of the whole GPU/)
    const { stdout, stderr, code } = await llem(['devices', '-v'], environment(root))
    expect(code).toBe(0)
    expect(stdout).toMatch(/^nvml +\S+ +yes +chosen by auto/m)
    expect(stdout).toMatch(/^GPU 1 cannot be calibrated: its sensors are files below \/sys\./m)
    expect(stdout).toMatch(
      /^1 +amd +AMD Instinct MI300X OAM +192 GiB +\d+ W +750 W +hwmon power1_input +yes/m,
    )
    expect(stderr).toMatch(/^GPU 2 cannot be measured: it is a partition/m)
  })

  it('says that there is no NVML only where there is no GPU of any kind', async () => {
    const none = await llem(['devices'], environment(scratchFolder()))
    expect(none.code).not.toBe(0)
    expect(none.stderr).toContain('NVIDIA management library could not be loaded')
    const { root } = await moving((tree) => graphics(tree, 0))
    expect(await listed(root)).toHaveLength(1)
  })

  it('lists them after those of NVML', async () => {
    const { root, built } = await moving((tree) => radeon(tree, 0))
    const devices = await listed(root, ['--simulate', simulated])
    expect(devices.map(({ index, vendor, uuid }) => [index, vendor, uuid])).toEqual([
      [0, 'nvidia', uuidOf(0)],
      [1, 'nvidia', uuidOf(1)],
      [2, 'amd', built.uuid],
    ])
  })

  it('has none of this machine beside simulated ones', () => {
    vi.stubEnv('LLEM_SYSFS_ROOT', '')
    expect([sysfsOfGpus('/sim/libnvidia-ml.so.1'), sysfsOfGpus(undefined)]).toEqual([undefined, '/sys'])
    vi.stubEnv('LLEM_SYSFS_ROOT', '/host/sys')
    expect([sysfsOfGpus('/sim/libnvidia-ml.so.1'), sysfsOfGpus(undefined)]).toEqual([
      '/host/sys',
      '/host/sys',
    ])
    vi.unstubAllEnvs()
  })
})

describe('both kinds of GPUs', () => {
  const running = moving((tree) => radeon(tree, 0)).then(async ({ root, built }) => {
    const runs = await Promise.all([
      executed(root, ['--simulate', simulated]),
      executed(root, ['--simulate', simulated, '--devices', '2,0']),
      executed(root, ['--simulate', simulated, '--devices', built.uuid.slice(0, 12)]),
      executed(root, ['--simulate', simulated], { CUDA_VISIBLE_DEVICES: '' }),
      executed(root, ['--simulate', simulated], { HIP_VISIBLE_DEVICES: '-1' }),
    ])
    return { runs, built }
  })

  it('are measured together and apart', async () => {
    const { runs, built } = await running
    const indices = runs.map(({ energy }) => energy.devices.map(({ index }) => index))
    expect(indices).toEqual([[0, 1, 2], [2, 0], [2], [2], [0, 1]])
    const [all, chosen] = runs
    const joules = all?.energy.devices.map(({ total_j }) => total_j ?? Number.NaN) ?? []
    expect(all?.energy.total_j).toBeCloseTo(
      joules.reduce((sum, each) => sum + each, 0),
      6,
    )
    expect(chosen?.energy.devices.map(({ uuid }) => uuid)).toEqual([built.uuid, uuidOf(0)])
    const perSecond = (all?.energy.devices[0]?.total_j ?? 0) / (all?.energy.duration_sec ?? 1)
    expect(perSecond).toBeCloseTo(300, -1)
    // Nothing of NVIDIA's boards is said of the other one, and nothing of it of theirs.
    expect(all?.energy.devices.map(({ gain_pct }) => gain_pct)).toEqual([5, 5, 10])
    const told = all?.findings.filter(({ code }) => code === 'untried_hardware')
    expect(told?.map(({ devices }) => devices)).toEqual([[2]])
  })
})

describe('graphics of a processor beside a GPU of NVIDIA', () => {
  it('change nothing', async () => {
    const { root } = await moving((tree) => {
      graphics(tree, 0)
      // Of AMD's, whose power is that of the whole processor.
      tree.place('class/drm/card1/device', {
        ...pciFiles('1002', '164e', 'amdgpu', '0000:10:00.0'),
        'hwmon/hwmon1/name': 'amdgpu\n',
        'hwmon/hwmon1/in1_label': 'vddnb\n',
        'hwmon/hwmon1/power1_input': '38000000\n',
      })
    })
    const [with_, without] = await Promise.all([
      executed(root, ['--simulate', simulated]),
      executed(scratchFolder(), ['--simulate', simulated]),
    ])
    const facts = ({ energy, findings }: ExecResult) => ({
      devices: energy.devices.map(({ index, uuid }) => [index, uuid]),
      unmeasured: energy.unmeasured,
      codes: findings.map(({ code }) => code),
    })
    expect(facts(with_)).toEqual(facts(without))
    const named = await executed(root, ['--simulate', simulated, '--devices', '3'])
    expect(named.energy.devices).toMatchObject([{ index: 3, power_domain: 'hwmon power1_input' }])
  })

  it('are no reason to stop a command where they are alone', async () => {
    const { root } = await moving((tree) => graphics(tree, 0))
    const { energy, energy_reason, exit_code } = await executed(root, [])
    expect([energy, exit_code]).toEqual([null, 0])
    expect(energy_reason).toMatch(/PCI-0000:00:02\.0 answers neither power nor energy: i915 shows no power/)
  })
})

describe('what is stored of them', () => {
  it('comes to the same joules again, and monitor shows them meanwhile', async () => {
    const { root, built } = await moving((tree) => [mi300x(tree, 0), radeon(tree, 1)])
    const dir = scratchFolder()
    const [exec, monitor] = await Promise.all([
      llem(['exec', '--json', '-o', dir, '--', 'sleep', '3'], environment(root)),
      llem(['monitor', '--json', '--duration', '2'], environment(root)),
    ])
    const { energy } = JSON.parse(exec.stdout) as ExecResult
    expect(energy.devices.map(({ uuid }) => uuid)).toEqual(built.map(({ uuid }) => uuid))
    const [run = ''] = readdirSync(dir)
    const verified = await llem(['verify', '--json', join(dir, run)])
    const { agrees, checks } = JSON.parse(verified.stdout)
    expect(agrees, JSON.stringify(checks.filter((check: { agrees: boolean }) => !check.agrees))).toBe(true)
    const last = JSON.parse(monitor.stdout.trimEnd().split('\n').at(-1) ?? '')
    expect(last.devices).toMatchObject([{ index: 0, temperature_c: 61 }, { index: 1 }])
    for (const { power_w } of last.devices) expect(power_w).toBeGreaterThan(10)
  })
})

describe('the variables of the vendors', () => {
  const of = (index: number, vendor: string, uuid: string, rest: Partial<Device> = {}): Device => ({
    index,
    vendor,
    uuid,
    energyCounter: true,
    ...rest,
  })
  const chip = chipNumber()
  const present = [
    of(0, 'nvidia', 'GPU-aaaa-1'),
    of(1, 'amd', `AMD-${chip}`),
    of(2, 'amd', 'AMD-22'),
    of(3, 'amd', 'AMD-33'),
    of(4, 'intel', 'PCI-0000:00:02.0', { integrated: true, problem: 'nothing' }),
    of(5, 'intel', 'PCI-0000:0a:00.0', { integrated: false }),
    of(6, 'intel', 'PCI-0000:0b:00.0', { integrated: false }),
  ]

  it.for([
    ['unset leave every GPU', {}, [1, 2, 3, 5, 6]],
    ['ROCR: indices in their order', { ROCR_VISIBLE_DEVICES: '2,0' }, [3, 1, 5, 6]],
    ['ROCR: a UUID as ROCm has it', { ROCR_VISIBLE_DEVICES: `GPU-${chip.toUpperCase()}` }, [1, 5, 6]],
    ['ROCR: what is unknown ends the list', { ROCR_VISIBLE_DEVICES: '0,7,1' }, [1, 5, 6]],
    ['HIP counts what ROCR left', { ROCR_VISIBLE_DEVICES: '2,1', HIP_VISIBLE_DEVICES: '1' }, [2, 5, 6]],
    ['HIP: -1 hides all', { HIP_VISIBLE_DEVICES: '-1' }, [5, 6]],
    ['ZE: GPUs of their own come first', { ZE_AFFINITY_MASK: '1' }, [1, 2, 3, 6]],
    ['ZE: a tile is its GPU', { ZE_AFFINITY_MASK: '0.0,0.1' }, [1, 2, 3, 5]],
    ['ZE: empty hides nothing', { ZE_AFFINITY_MASK: '' }, [1, 2, 3, 5, 6]],
  ] as const)('%s', ([, others, indices]) => {
    const { devices, unmeasured } = chooseDevices(present, { explicit: null, others })
    expect(devices.map(({ index }) => index)).toEqual([0, ...indices])
    expect(unmeasured).toEqual([])
  })

  it('CUDA’s is of NVIDIA’s alone', () => {
    const { devices } = chooseDevices(present, { explicit: null, cudaVisibleDevices: '' })
    expect(devices.map(({ index }) => index)).toEqual([1, 2, 3, 5, 6])
  })

  it('a GPU of its own that cannot be measured is told', () => {
    const broken = [of(0, 'nvidia', 'GPU-aaaa-1'), of(1, 'amd', 'AMD-22', { problem: 'no file' })]
    const { devices, unmeasured } = chooseDevices(broken, { explicit: null })
    expect([devices.map(({ index }) => index), unmeasured]).toEqual([[0], [{ index: 1, reason: 'no file' }]])
  })
})
