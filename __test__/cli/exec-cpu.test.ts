// llem exec over a folder that looks like /sys, whose counters the measured command moves.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { type ExecResult, llem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder } from '../native/scenario.js'

vi.setConfig({ testTimeout: 60_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
const RANGE_UJ = 262_143_328_850

interface Counters {
  [folder: string]: { name: string; from_uj: number; to_uj: number | null }
}

const TWO_SOCKETS: Counters = {
  'intel-rapl:0': { name: 'package-0', from_uj: 5_000_000, to_uj: 105_000_000 },
  'intel-rapl:0:0': { name: 'dram', from_uj: 0, to_uj: 12_500_000 },
  // It wraps.
  'intel-rapl:1': { name: 'package-1', from_uj: RANGE_UJ - 1_000_000, to_uj: 49_000_000 },
  'intel-rapl:1:0': { name: 'dram', from_uj: 7, to_uj: 500_007 },
}

/** As the kernel lays it out: parts inside packages, and a flat folder of links to all. */
function sysfs(counters: Counters): string {
  const root = scratchFolder()
  const links = join(root, 'class/powercap')
  mkdirSync(links, { recursive: true })
  for (const [folder, { name, from_uj }] of Object.entries(counters)) {
    const [, socket, part] = folder.split(':')
    const place = part === undefined ? folder : `intel-rapl:${socket}/${folder}`
    const zone = join('devices/virtual/powercap/intel-rapl', place)
    mkdirSync(join(root, zone), { recursive: true })
    symlinkSync(join('../..', zone), join(links, folder))
    writeFileSync(join(links, folder, 'name'), `${name}\n`)
    writeFileSync(join(links, folder, 'max_energy_range_uj'), `${RANGE_UJ}\n`)
    writeFileSync(join(links, folder, 'energy_uj'), `${from_uj}\n`)
  }
  return root
}

/** Moves every counter to where it shall end, in ticks, or away; one that falls does so at once. */
const MOVE = `
const { renameSync, rmSync, writeFileSync } = require('node:fs')
const [root, counters] = [process.argv[1], Object.entries(JSON.parse(process.argv[2]))]
const [TICKS, RANGE_UJ] = [60, ${RANGE_UJ}]
let tick = 0
const move = () => {
  tick += 1
  for (const [folder, { from_uj, to_uj }] of counters) {
    const path = root + '/class/powercap/' + folder + '/energy_uj'
    const moved = (to_uj - from_uj + RANGE_UJ) % RANGE_UJ
    const isLast = tick === TICKS
    if (to_uj === null) rmSync(path, { force: true })
    else if (isLast || moved < RANGE_UJ / 2) {
      const uj = isLast ? to_uj : (from_uj + Math.round((moved * tick) / TICKS)) % RANGE_UJ
      writeFileSync(path + '.next', uj + '\\n')
      renameSync(path + '.next', path)
    }
  }
  if (tick < TICKS) setTimeout(move, 15)
}
move()`

function execute(root: string, counters: Counters, ...options: string[]) {
  const move = [process.execPath, '-e', MOVE, root, JSON.stringify(counters)]
  return llem(['exec', '--simulate', scenario, ...options, '--', ...move], { env: { LLEM_SYSFS_ROOT: root } })
}

async function energyOver(counters: Counters) {
  const { stdout } = await execute(sysfs(counters), counters, '--json')
  return (JSON.parse(stdout) as ExecResult).energy
}

describe('the energy of the CPU', () => {
  it('is counted by domain, through a wraparound, and is no part of the GPUs’', async () => {
    const { cpu, total_j, devices } = await energyOver(TWO_SOCKETS)
    expect(cpu).toMatchObject({ package_j: 150, dram_j: 13, reason: null })
    expect(cpu.domains).toMatchObject([
      { domain: 'package-0', kind: 'package', energy_j: 100, reason: null },
      { domain: 'package-0/dram', kind: 'dram', energy_j: 12.5, reason: null },
      { domain: 'package-1', kind: 'package', energy_j: 50, reason: null },
      { domain: 'package-1/dram', kind: 'dram', energy_j: 0.5, reason: null },
    ])
    for (const { uncertainty_j } of cpu.domains) expect(uncertainty_j).toBeGreaterThan(0)
    expect(total_j).toBe(devices[0]?.total_j)
  })

  it('has lines of its own below the table', async () => {
    const { stderr } = await execute(sysfs(TWO_SOCKETS), TWO_SOCKETS)
    expect(stderr).toMatch(/\nCPU: 150(\.0+)? J \+- [\d.]+ J by RAPL, beside the energy of the GPUs\n/)
    expect(stderr).toMatch(/\nDRAM: 13(\.0+)? J \+- [\d.]+ J by RAPL, beside the energy of the GPUs\n/)
  })

  it('is unknown where a counter vanished or was reset, and only there', async () => {
    const { cpu } = await energyOver({
      'intel-rapl:0': { name: 'package-0', from_uj: 5_000_000, to_uj: 6_000_000 },
      'intel-rapl:0:0': { name: 'dram', from_uj: 9_000_000, to_uj: 8_000_000 },
      'intel-rapl:1': { name: 'package-1', from_uj: 5_000_000, to_uj: null },
    })
    expect(cpu).toMatchObject({ package_j: null, dram_j: null })
    expect(cpu.domains.map(({ energy_j }) => energy_j)).toEqual([1, null, null])
    expect(cpu.reason).toMatch(/intel-rapl:1\/energy_uj cannot be read: No such file/)
    expect(cpu.reason).toContain('fell from 9000000 to 8000000 uJ: it was reset, or its range')
  })

  it('is unknown on a machine that has no RAPL, which -v says', async () => {
    const root = scratchFolder()
    const quiet = await execute(root, {})
    const verbose = await execute(root, {}, '-v')
    expect(quiet.stderr).not.toMatch(/RAPL|CPU:|DRAM:/)
    expect(verbose.stderr).toMatch(/^RAPL: this machine has no RAPL zones in \S+\/class\/powercap/m)
  })

  it('is unknown to those who may not read it, with the command that lets them', (context) => {
    const root = sysfs(TWO_SOCKETS)
    const shut = () => {
      for (const [folder, { from_uj }] of Object.entries(TWO_SOCKETS)) {
        const path = join(root, 'class/powercap', folder, 'energy_uj')
        writeFileSync(path, `${from_uj}\n`)
        chmodSync(path, 0)
      }
    }
    shut()
    // Root reads every file, but for these two capabilities.
    const limit =
      process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : ['env']
    const possible = spawnSync('sh', ['-c', `! ${limit.join(' ')} cat ${root}/class/powercap/*:0/energy_uj`])
    if (possible.status !== 0) context.skip('root cannot be kept from reading files here')
    const executed = () => {
      const move = [process.execPath, '-e', MOVE, root, JSON.stringify(TWO_SOCKETS)]
      const [program, ...args] = [
        ...limit,
        process.execPath,
        BIN,
        'exec',
        '--simulate',
        scenario,
        '-v',
        ...move,
      ]
      const env = { ...process.env, LLEM_SYSFS_ROOT: root }
      return spawnSync(program as string, args, { encoding: 'utf8', env }).stderr
    }
    const [, command] = /^RAPL: only root may read RAPL .*`sudo (.+)` opens it/m.exec(executed()) ?? []
    expect(command).toBe(`chmod a+r ${root}/class/powercap/intel-rapl:*/energy_uj`)
    // The first command has moved them.
    shut()
    spawnSync('sh', ['-c', `chmod u+w ${root}/class/powercap/*/energy_uj; ${command}`])
    expect(executed()).toMatch(/\nCPU: 150(\.0+)? J \+- [\d.]+ J by RAPL/)
  })
})
