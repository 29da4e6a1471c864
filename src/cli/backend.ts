import type { GpuChoice } from '../backends/backend.js'
import { installBackend as install } from '../backends/install.js'
import { listBackends as list } from '../backends/list.js'
import { LlemError } from '../core/errors.js'
import { dataDir } from '../core/paths.js'
import { interruptible } from './interrupt.js'
import { columns, print, printJson, say } from './screen.js'

const GPUS: readonly GpuChoice[] = ['auto', 'cuda', 'vulkan', 'none']

/** Installs an inference backend into llem's data folder. */
export async function installBackend(
  name: string,
  { gpu, quiet = false, verbose = false }: { gpu: string; quiet?: boolean; verbose?: boolean },
): Promise<void> {
  const choice = GPUS.find((known) => known === gpu)
  if (choice === undefined) {
    throw new LlemError(`--gpu ${gpu} is not one of ${GPUS.join(', ')}.`, {
      code: 'GPU_UNKNOWN',
      hint: 'Use none for the small one that computes on the CPU.',
      kind: 'usage',
    })
  }
  if (!quiet) say(`Installing ${name} into ${dataDir()} (10 to 60 s, more for CUDA) ...`)
  const result = await interruptible((signal) =>
    install(name, { gpu: choice, dataDir: dataDir(), signal, ...(verbose ? { log: say } : {}) }),
  )
  if (!quiet) say(result.message)
  print(result.path)
}

/** Lists the inference backends and what is installed of each. */
export async function listBackends({ json = false }: { json?: boolean }): Promise<void> {
  const rows = list(dataDir())
  if (json) printJson(rows)
  else
    print(
      columns(
        ['backend', 'version', 'gpu', 'where', 'problem'],
        rows.map((row) => [
          row.name,
          row.version ?? '-',
          row.gpu?.join(', ') || (row.installed ? 'none' : '-'),
          row.path ?? '-',
          row.problem ?? '',
        ]),
      ),
    )
}
