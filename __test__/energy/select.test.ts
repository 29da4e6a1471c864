// Selection, as a table: what is installed, what the GPU does, what is asked for.

import { describe, expect, it } from 'vitest'
import type { EnergyBackend } from '../../dist/energy/backends/backend.js'
import { energyBackends } from '../../dist/energy/backends/registry.js'
import { selectBackend } from '../../dist/energy/select.js'
import { ENERGY_BACKENDS } from '../../src/core/energy-backends.js'

type Name = (typeof ENERGY_BACKENDS)[number]

const GPU = {
  answers: null,
  absent: 'The NVIDIA management library could not be loaded.',
  'not supported': 'GPU 0 has no power sensor.',
} as const
type GpuState = keyof typeof GPU

/** What was asked and what was closed, in order. */
interface Log {
  asked: Name[]
  closed: Name[]
}

/** A backend of a machine on which this is installed and the GPU does that. */
function backend(name: Name, installed: readonly Name[], gpu: GpuState, log: Log): EnergyBackend {
  const reason = name !== 'nvml' && !installed.includes(name) ? `${name} is not installed` : GPU[gpu]
  const hint = reason?.includes('not installed')
    ? `Install it with \`llem backend install ${name}\`.`
    : 'Install the NVIDIA driver.'
  return {
    name,
    helperPid: undefined,
    async isAvailable() {
      log.asked.push(name)
      return reason === null ? { available: true, versions: {} } : { available: false, reason, hint }
    },
    startTracking: () => Promise.reject(new Error('not asked for')),
    stopTracking: () => Promise.reject(new Error('not asked for')),
    async close() {
      log.closed.push(name)
    },
  }
}

async function select(requested: Name | 'auto', installed: readonly Name[], gpu: GpuState) {
  const log: Log = { asked: [], closed: [] }
  const outcome = await selectBackend(requested, (name) => backend(name, installed, gpu, log)).then(
    ({ backend, selection }) => ({ chosen: backend?.name ?? null, selection }),
    (error) => ({ error }),
  )
  return { ...outcome, ...log }
}

const NONE: Name[] = []
const INSTALLED = {
  none: NONE,
  zeus: ['zeus'],
  codecarbon: ['codecarbon'],
  both: ['zeus', 'codecarbon'],
} as const
type Installed = keyof typeof INSTALLED
const machines = (Object.keys(INSTALLED) as Installed[]).flatMap((installed) =>
  (Object.keys(GPU) as GpuState[]).map((gpu) => [installed, gpu] as const),
)

describe.each(machines)('with %s installed and a GPU that is: %s', (installed, gpu) => {
  const has = INSTALLED[installed] as readonly Name[]

  it('auto takes llem’s own sampler, the most certain, whatever is installed, and asks no one after it', async () => {
    const { chosen, selection, asked, closed } = await select('auto', has, gpu).then((outcome) => {
      if ('error' in outcome) throw outcome.error
      return outcome
    })
    const expected = gpu === 'answers' ? 'nvml' : null
    expect(chosen).toBe(expected)
    expect(asked).toEqual(expected === null ? ['nvml', 'zeus', 'rapl', 'codecarbon'] : ['nvml'])
    expect(closed).toEqual(asked.filter((name) => name !== expected))
    expect(selection).toMatchObject({ requested: 'auto', chosen: expected, failure: null })
    expect(selection.tried.map(({ backend, reason }) => [backend, reason === null])).toEqual(
      asked.map((name) => [name, name === expected]),
    )
  })

  it.each(ENERGY_BACKENDS)('%s is taken, or refused with what to do, and no other is asked', async (name) => {
    const outcome = await select(name, has, gpu)
    expect(outcome.asked).toEqual([name])
    const isMissing = name !== 'nvml' && !has.includes(name)
    if (!isMissing && gpu === 'answers') {
      expect(outcome).toMatchObject({ chosen: name, closed: [] })
      return
    }
    expect(outcome).toMatchObject({
      closed: [name],
      error: {
        code: 'ENERGY_BACKEND_UNAVAILABLE',
        kind: 'usage',
        message: `The energy backend ${name} is not available here: ${isMissing ? `${name} is not installed` : GPU[gpu]}`,
        hint: `${isMissing ? `Install it with \`llem backend install ${name}\`.` : 'Install the NVIDIA driver.'} Or set energy.backend to auto, or to null to disable.`,
      },
    })
  })
})

it('auto falls to Zeus before CodeCarbon where both can read the device and llem cannot', async () => {
  const log: Log = { asked: [], closed: [] }
  const { backend: chosen } = await selectBackend('auto', (name) =>
    backend(name, ['zeus', 'codecarbon'], name === 'nvml' ? 'not supported' : 'answers', log),
  )
  expect(chosen?.name).toBe('zeus')
})

it('auto falls to RAPL before CodeCarbon, which may have to estimate the CPU', async () => {
  const log: Log = { asked: [], closed: [] }
  const { backend: chosen } = await selectBackend('auto', (name) =>
    backend(name, ['rapl', 'codecarbon'], name === 'nvml' ? 'absent' : 'answers', log),
  )
  expect(chosen?.name).toBe('rapl')
})

it('auto falls to CodeCarbon where it alone can read the device', async () => {
  const log: Log = { asked: [], closed: [] }
  const { backend: chosen } = await selectBackend('auto', (name) =>
    backend(name, ['codecarbon'], name === 'codecarbon' ? 'answers' : 'not supported', log),
  )
  expect(chosen?.name).toBe('codecarbon')
})

it('the registry has a backend for every name of the configuration', () => {
  expect(energyBackends.map(({ name }) => name).sort()).toEqual([...ENERGY_BACKENDS].sort())
})
