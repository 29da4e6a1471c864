import { existsSync, readlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { CampaignKeys } from '../config/schema-campaign.js'
import { LlemError } from '../core/errors.js'
import { contentHash } from '../core/identity.js'
import { Compose, composeFileBeside } from './compose.js'
import { DockerExecutor, IN_SERVICES, type Work } from './docker.js'
import type { Executor } from './executor.js'
import { LocalExecutor } from './local.js'
import { Services } from './services.js'

export interface Surroundings {
  /** The campaign's file. */
  path: string
  /** The campaign's folder. */
  dir: string
  work: readonly Work[]
  note: (text: string) => void
}

/**
 * Where a campaign's experiments run: in the services of a compose file where there is one, else on this machine. Throws
 * COMPOSE_FILE_MISSING, DOCKER_MISSING or DOCKER_UNREACHABLE where Docker was asked for.
 */
export async function chooseExecutor(
  docker: CampaignKeys['docker'],
  { path, dir, work, note }: Surroundings,
): Promise<Executor> {
  const local = new LocalExecutor(join(dir, 'runner.lock'))
  const found = await findCompose(docker, path, note)
  if (found === null) return local
  const startTimeoutMs = docker.start_timeout_seconds * 1000
  const services = new Services(found, dir, contentHash({ dir: resolve(dir) }).slice(0, 16), {
    python: docker.python,
    env: docker.env,
    startTimeoutMs,
  })
  return new DockerExecutor(local, services, { work, startTimeoutMs })
}

/** Whether a backend may run in a container, so that nothing of it can be told from here. Asks no engine. */
export function runsInService(
  { enabled, compose_file }: CampaignKeys['docker'],
  path: string,
  backend: string,
): boolean {
  if (enabled === false || !IN_SERVICES.has(backend)) return false
  const file = compose_file === null ? composeFileBeside(path) : resolve(path, '..', compose_file)
  return file !== null && existsSync(file)
}

async function findCompose(
  { enabled, compose_file }: CampaignKeys['docker'],
  path: string,
  note: (text: string) => void,
): Promise<Compose | null> {
  if (enabled === false) return null
  const file = compose_file === null ? composeFileBeside(path) : resolve(path, '..', compose_file)
  if (file === null || !existsSync(file)) {
    if (enabled === null && compose_file === null) return null
    throw new LlemError(
      file === null ? 'there is no compose file beside the campaign' : `there is no compose file ${file}`,
      {
        code: 'COMPOSE_FILE_MISSING',
        hint: 'Write one with `llem campaign init --docker`, name it in docker.compose_file, or set docker.enabled: false.',
        kind: 'usage',
      },
    )
  }
  if (enabled === null && isContained()) {
    note(
      `Note: llem runs in a container, so ${file} is not used; docker.enabled: true insists on its services.`,
    )
    return null
  }
  try {
    return await Compose.find(file)
  } catch (error) {
    if (enabled === true || !(error instanceof LlemError)) throw error
    note(`Note: ${error.message}, so ${file} is not used and everything runs on this machine.`)
    return null
  }
}

/**
 * Whether llem is itself in a container. The file alone would also say so of a virtual machine that was made from an image;
 * the first namespace of process ids has a fixed number (PROC_PID_INIT_INO in include/linux/proc_ns.h).
 */
function isContained(): boolean {
  const isMarked = ['/.dockerenv', '/run/.containerenv'].some((path) => existsSync(path))
  return isMarked && namespaceOf('pid') !== 'pid:[4026531836]'
}

function namespaceOf(kind: string): string | null {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`)
  } catch {
    return null
  }
}
