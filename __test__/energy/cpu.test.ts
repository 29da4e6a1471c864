import { describe, expect, it } from 'vitest'
import { cpuEnergyOf, packageUncertaintyJ } from '../../dist/energy/cpu.js'

const domain = (name: string, kind: string, energyJ: number) => ({ name, kind, energyJ, uncertaintyJ: 0.1 })
const lost = (name: string, kind: string, reason: string) => ({ name, kind, reason })

describe('the energy of the CPU', () => {
  it('is summed over sockets, by kind', () => {
    const domains = [
      domain('package-0', 'package', 100),
      domain('package-0/core', 'core', 60),
      domain('package-0/dram', 'dram', 10),
      domain('package-1', 'package', 200),
      domain('package-1/dram', 'dram', 20),
      domain('psys', 'psys', 400),
    ]
    expect(cpuEnergyOf({ domains })).toMatchObject({ package_j: 300, dram_j: 30, reason: null })
  })

  it('is unknown where one socket is, with that one’s reason, and the other keeps its own', () => {
    const domains = [
      domain('package-0', 'package', 100),
      domain('package-0/dram', 'dram', 10),
      lost('package-1', 'package', 'gone'),
    ]
    expect(cpuEnergyOf({ domains })).toEqual({
      package_j: null,
      dram_j: 10,
      reason: 'gone',
      domains: [
        {
          domain: 'package-0',
          kind: 'package',
          energy_j: 100,
          uncertainty_j: 0.1,
          reason: null,
          mirrors: null,
        },
        {
          domain: 'package-0/dram',
          kind: 'dram',
          energy_j: 10,
          uncertainty_j: 0.1,
          reason: null,
          mirrors: null,
        },
        {
          domain: 'package-1',
          kind: 'package',
          energy_j: null,
          uncertainty_j: null,
          reason: 'gone',
          mirrors: null,
        },
      ],
    })
  })

  it('is summed without what mirrors another counter', () => {
    const domains = [
      domain('package-0-die-0', 'package', 142.25),
      { name: 'package-0-die-1', kind: 'package', reason: 'it mirrors', mirrors: 'package-0-die-0' },
      domain('package-1-die-0', 'package', 7),
    ]
    const cpu = cpuEnergyOf({ domains })
    expect(cpu).toMatchObject({ package_j: 149.25, domains: [{}, { mirrors: 'package-0-die-0' }, {}] })
    expect(packageUncertaintyJ(cpu)).toBeCloseTo(0.2, 9)
  })

  it('says one reason once, and that a CPU does not count its memory', () => {
    const domains = [
      lost('package-0', 'package', 'root only'),
      lost('package-0/core', 'core', 'not asked for'),
      lost('package-1', 'package', 'root only'),
    ]
    expect(cpuEnergyOf({ domains }).reason).toBe('root only; RAPL does not count the memory of this CPU')
  })

  it('is unknown on a machine without RAPL', () => {
    const reason = 'this machine has no RAPL zones'
    expect(cpuEnergyOf({ domains: [], reason })).toEqual({
      package_j: null,
      dram_j: null,
      reason,
      domains: [],
    })
  })

  it('keeps domains that it does not know, and adds them to nothing', () => {
    const cpu = cpuEnergyOf({ domains: [domain('package-0', 'package', 5), domain('npu', 'npu', 7)] })
    expect(cpu.package_j).toBe(5)
    expect(cpu.domains[1]).toMatchObject({ domain: 'npu', kind: 'other', energy_j: 7 })
  })
})
