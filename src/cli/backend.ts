import type { GpuChoice } from '../backends/backend.js'
import { installBackend as installInference } from '../backends/install.js'
import { listBackends as listInference } from '../backends/list.js'
import { inferenceBackends } from '../backends/registry.js'
import { closest } from '../core/closest.js'
import { LlemError } from '../core/errors.js'
import { dataDir } from '../core/paths.js'
import type { EnergyBackendKind } from '../energy/backends/backend.js'
import { energyBackends } from '../energy/backends/registry.js'
import { chooseLibrary } from '../energy/library.js'
import { type BackendProbe, probeEnergyBackends } from '../energy/probe.js'
import { installPythonBackend } from '../energy/python/install.js'
import { interruptible } from './interrupt.js'
import { print, printJson, say } from './screen.js'
import { columns } from './tables.js'

const GPUS: readonly GpuChoice[] = ['auto', 'cuda', 'vulkan', 'none']

interface InstallOptions {
  gpu: string
  quiet?: boolean
  verbose?: boolean
}

/** Installs a backend into llem's data folder. */
export async function installBackend(name: string, options: InstallOptions): Promise<void> {
  const { quiet = false } = options
  const energy = energyBackends.find((kind) => kind.name === name)
  const result =
    energy === undefined ? await installModelRunner(name, options) : await installMeter(energy, options)
  if (!quiet) say(result.message)
  print(result.path)
}

async function installModelRunner(name: string, { gpu, quiet = false, verbose = false }: InstallOptions) {
  const choice = GPUS.find((known) => known === gpu)
  if (choice === undefined) {
    throw new LlemError(`--gpu ${gpu} is not one of ${GPUS.join(', ')}.`, {
      code: 'GPU_UNKNOWN',
      hint: 'Use none for the small one that computes on the CPU.',
      kind: 'usage',
    })
  }
  const backend = inferenceBackends.find((known) => known.name === name)
  if (backend === undefined) throw unknownBackend(name)
  if (!quiet && backend.absence === undefined)
    say(`Installing ${name} into ${dataDir()} (10 to 60 s, minutes with CUDA) ...`)
  return await interruptible((signal) =>
    installInference(name, {
      gpu: choice,
      dataDir: dataDir(),
      python: ownPython() ?? undefined,
      signal,
      ...(verbose ? { log: say } : {}),
    }),
  )
}

async function installMeter(kind: EnergyBackendKind, { quiet = false, verbose = false }: InstallOptions) {
  const { name, python } = kind
  if (python === null) {
    throw new LlemError(`${name} is part of llem: there is nothing to install.`, {
      code: 'BACKEND_BUILT_IN',
      hint: 'See whether it works here with `llem backend list`.',
      kind: 'usage',
    })
  }
  if (!quiet) say(`Installing ${name} into ${dataDir()} (about a minute) ...`)
  return await interruptible((signal) =>
    installPythonBackend(name, python, {
      dataDir: dataDir(),
      python: ownPython() ?? 'python3',
      signal,
      ...(quiet ? {} : { step: say }),
      ...(verbose ? { log: say } : {}),
    }),
  )
}

/** Lists the backends, what is installed of each, and whether the energy backends can read a GPU here. */
export async function listBackends({ json = false }: { json?: boolean }): Promise<void> {
  const runners = listInference(dataDir()).map((row) => ({ kind: 'inference', ...row }))
  const meters = await energyRows()
  if (json) {
    printJson([...runners, ...meters])
    return
  }
  const head = ['backend', 'version', 'gpu', 'reads GPUs', 'where', 'problem']
  const rows = [
    ...runners.map((row) => [
      row.name,
      row.version ?? '-',
      row.gpu?.join(', ') || (row.installed ? 'none' : '-'),
      '-',
      row.path ?? '-',
      row.problem ?? '',
    ]),
    ...meters.map((row) => [
      row.name,
      row.version ?? '-',
      '-',
      row.domain === 'cpu' ? 'CPU only' : row.available ? 'yes' : 'no',
      row.path ?? (row.installed ? 'llem itself' : '-'),
      [row.problem?.replace(/\.?$/, '.'), row.hint].filter(Boolean).join(' '),
    ]),
  ]
  print(columns(head, rows))
}

async function energyRows(): Promise<({ kind: 'energy' } & BackendProbe)[]> {
  const { libraryPath } = chooseLibrary()
  const probes = await probeEnergyBackends({ libraryPath, python: ownPython(), dataDir: dataDir() })
  return probes.map((probe) => ({ kind: 'energy', ...probe }))
}

function ownPython(): string | null {
  return process.env.LLEM_PYTHON || null
}

function unknownBackend(name: string): LlemError {
  const known = [...inferenceBackends, ...energyBackends.filter(({ python }) => python !== null)]
  const names = known.map((backend) => backend.name)
  const meant = closest(name, names)
  return new LlemError(`there is no backend ${JSON.stringify(name)} to install`, {
    code: 'BACKEND_UNKNOWN',
    hint: `${meant === null ? '' : `Did you mean ${meant}? `}Valid names: ${names.join(', ')}.`,
    kind: 'usage',
  })
}
