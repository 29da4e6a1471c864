// An experiment whose inference runs in an image of Apptainer or Singularity: the runner and its meter stay outside, the worker is
// a child that `apptainer exec --nv` starts (https://apptainer.org/docs/user/latest/cli/apptainer_exec.html). It shares the
// process ids and the network of this machine, so it is ended and seen like any child.

import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import { LlemError } from '../core/errors.js'
import type { Service } from '../workers/service.js'
import { backendInside } from './docker.js'
import type { ExecuteOptions, Executor } from './executor.js'
import type { RunOrder, RunSummary } from './protocol.js'

const PROGRAMS = ['apptainer', 'singularity'] as const
const HANDED_ON = ['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'HF_HOME']

export class ApptainerExecutor implements Executor {
  readonly name = 'apptainer'
  readonly #local: Executor
  readonly #image: string

  constructor(local: Executor, image: string) {
    this.#local = local
    this.#image = resolve(image)
  }

  async run(order: RunOrder, options: ExecuteOptions): Promise<RunSummary> {
    const inside = backendInside(order)
    if (inside === null) return this.#local.run(order, options)
    return this.#local.run({ ...order, service: serviceOf(this.#image, inside.model) }, options)
  }

  responds(timeoutMs: number): Promise<boolean | null> {
    return this.#local.responds(timeoutMs)
  }

  restart(): Promise<void> {
    return this.#local.restart()
  }

  close(): Promise<void> {
    return this.#local.close()
  }
}

/** The command that runs a program in the image. Throws APPTAINER_MISSING and IMAGE_MISSING. */
function serviceOf(image: string, model: string): Service {
  const program = PROGRAMS.find((name) => isOnPath(name))
  if (program === undefined)
    throw new LlemError('neither apptainer nor singularity is there to run the image', {
      code: 'APPTAINER_MISSING',
      hint: 'Load its module with slurm.modules, or leave slurm.container away.',
    })
  if (!existsSync(image))
    throw new LlemError(`there is no image ${image}`, {
      code: 'IMAGE_MISSING',
      hint: 'Give slurm.container its path on a disk that compute nodes see, e.g. apptainer pull vllm.sif docker://vllm/vllm-openai:v0.11.0',
    })
  // It sees the home folder, /tmp and the working folder by itself.
  const bound = existsSync(model) ? ['--bind', `${folderOf(model)}:${folderOf(model)}:ro`] : []
  const exec = [program, 'exec', '--nv', ...bound, image]
  return {
    name: basename(image),
    compose: [program],
    exec,
    container_id: `${program}:${image}`,
    image,
    image_id: imageId(image),
    address: '127.0.0.1',
    listen: '127.0.0.1',
    python: 'python3',
    mark: `${process.pid}`,
    env: HANDED_ON,
  }
}

function folderOf(model: string): string {
  const path = resolve(model)
  return statSync(path).isDirectory() ? path : dirname(path)
}

function isOnPath(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
}

/** The id in the header of a SIF file (sylabs/sif, pkg/sif: 32 bytes of launch script, magic, version, architecture, UUID). */
export function imageId(path: string): string {
  if (!statSync(path).isFile()) return 'unknown'
  const header = Buffer.alloc(64)
  const file = openSync(path, 'r')
  try {
    readSync(file, header, 0, header.length, 0)
  } finally {
    closeSync(file)
  }
  if (header.toString('latin1', 32, 41) !== 'SIF_MAGIC') return 'unknown'
  return `sif:${header.toString('hex', 48, 64)}`
}
