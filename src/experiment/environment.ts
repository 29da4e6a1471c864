import { existsSync, readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { llemVersion } from '../core/version.js'
import type { Device, Machine } from '../native/addon.js'
import type { Environment } from '../results/experiment.js'
import type { Service } from '../workers/service.js'

const MIB = 1024 ** 2
const GIB = 1024 ** 3

/** What may change the numbers: GPUs, driver, CPU, container, versions. Unknown is null. */
export function takeEnvironment(
  machine: Machine | null,
  devices: readonly Device[],
  service: Service | null = null,
): Environment {
  const cpu = orNull(cpus) ?? []
  const memoryBytes = orNull(totalmem)
  const environment = {
    gpus: devices.map((gpu) => ({
      index: gpu.index,
      uuid: gpu.uuid,
      name: gpu.name ?? null,
      memory_total_mb: gpu.memoryTotalBytes === undefined ? null : gpu.memoryTotalBytes / MIB,
      compute_capability: gpu.computeCapability ?? null,
      pcie_generation: gpu.pcieGeneration ?? null,
      pcie_width: gpu.pcieWidth ?? null,
      mig_mode: gpu.migMode ?? null,
      persistence_mode: gpu.persistenceMode ?? null,
      power_limit_w: gpu.powerLimitW ?? null,
      power_limit_default_w: gpu.powerLimitDefaultW ?? null,
      temperature_c: gpu.temperatureC ?? null,
      vbios_version: gpu.vbiosVersion ?? null,
    })),
    driver_version: machine?.driverVersion ?? null,
    cuda_version: machine?.cudaVersion ?? null,
    cpu_model: cpu[0]?.model.trim() || null,
    cpu_count: cpu.length || null,
    cpu_governor: readLine('/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor'),
    memory_total_mb: memoryBytes === null ? null : Math.round(memoryBytes / MIB),
    node: process.env.SLURMD_NODENAME || null,
    os: orNull(() => `${type()} ${release()}`),
    container: containerKind(),
    service:
      service === null
        ? null
        : {
            name: service.name,
            container_id: service.container_id,
            image: service.image,
            image_id: service.image_id,
          },
    versions: { llem: llemVersion(), node: process.versions.node },
  }
  return { summary_line: summaryLine(environment, devices), ...environment }
}

/** "{GPU} {GB}GB | CUDA {v} | Driver {v} | {t}C | container", each part only where it is known. */
function summaryLine(
  environment: Omit<Environment, 'summary_line'>,
  [first, ...others]: readonly Device[],
): string {
  const parts: string[] = []
  if (first?.name !== undefined) {
    const name = first.name.replace(/^NVIDIA /, '')
    const memory =
      first.memoryTotalBytes === undefined ? '' : ` ${Math.round(first.memoryTotalBytes / GIB)}GB`
    parts.push(`${others.length > 0 ? `${others.length + 1}x ` : ''}${name}${memory}`)
  }
  if (environment.cuda_version !== null) parts.push(`CUDA ${environment.cuda_version}`)
  if (environment.driver_version !== null) parts.push(`Driver ${environment.driver_version}`)
  if (first?.temperatureC !== undefined) parts.push(`${first.temperatureC}C`)
  if (environment.container !== null || environment.service !== null) parts.push('container')
  return parts.join(' | ')
}

function containerKind(): string | null {
  if (existsSync('/.dockerenv')) return 'docker'
  if (existsSync('/run/.containerenv')) return 'podman'
  if (process.env.KUBERNETES_SERVICE_HOST) return 'kubernetes'
  const cgroup = readLine('/proc/1/cgroup') ?? ''
  return /docker|containerd|kubepods|lxc/.exec(cgroup)?.[0] ?? null
}

function readLine(path: string): string | null {
  return orNull(() => readFileSync(path, 'utf8').trim() || null)
}

/** A machine that does not tell something costs that and nothing else. */
function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
