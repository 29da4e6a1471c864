// What can be told of a server before anything is spent on it: of one to be started its program and its model, of one
// that runs whether it answers as the model.

import { existsSync } from 'node:fs'
import { LlemError } from '../../core/errors.js'
import { isModelPath } from '../../models/folder.js'
import type { BackendCheck, CheckOptions } from '../backend.js'
import { Connection, unreachable } from './connection.js'
import { askServedModel } from './identify.js'
import { isProgram } from './on-path.js'
import { waitUntilReady } from './readiness.js'
import type { Launch } from './server-backend.js'

/** Throws BACKEND_NOT_INSTALLED and MODEL_NOT_FOUND. In a container (`isElsewhere`) nothing of it can be seen from here. */
export function checkStarted(
  { command, startsModel, talking, title }: Launch,
  model: string,
  { env, isElsewhere }: { env: NodeJS.ProcessEnv; isElsewhere: boolean },
): BackendCheck {
  const program = command?.[0] ?? ''
  if (isElsewhere) return { seen: [`${title} is started in a container`], server: null }
  if (!isProgram(program, { ...env, ...talking.env }))
    throw new LlemError(`${program} could not be started (there is no such program, or it may not be run)`, {
      code: 'BACKEND_NOT_INSTALLED',
      hint: 'Correct the first entry of the command, or put its folder on PATH.',
      kind: 'usage',
    })
  const isFile = startsModel && isModelPath(model) && !model.includes('://')
  if (isFile && !existsSync(model))
    throw new LlemError(`there is no model ${model}`, {
      code: 'MODEL_NOT_FOUND',
      hint: 'Give a file or folder that is on this machine, or an id that the server knows.',
      kind: 'usage',
    })
  return { seen: [`${title} is there: ${program}`], server: null }
}

/** Throws SERVER_UNREACHABLE, SERVER_NOT_READY, SERVER_REFUSES and MODEL_NOT_SERVED; once aborted, anything. */
export async function checkAttached(
  { talking: { base_url, model: name, served_as: servedAs }, title, engine: wanted = null }: Launch,
  model: string,
  key: string | null,
  { timeoutMs, signal, onWaiting }: { timeoutMs: number } & Pick<CheckOptions, 'signal' | 'onWaiting'>,
): Promise<BackendCheck> {
  const connection = new Connection(base_url ?? '', key)
  const leave = () => void connection.close()
  signal?.addEventListener('abort', leave, { once: true })
  try {
    const onLoading = () => onWaiting?.({ label: `${title} loads its model`, limitS: timeoutMs / 1000 })
    const waiting = { title, server: null, timeoutMs, tell: () => undefined, onLoading, signal }
    await waitUntilReady(connection, waiting).finally(() => onWaiting?.(null))
    const asked = { model, name, servedAs, isStartedWith: false }
    const { identity } = await askServedModel(connection, { title, asked, wanted }).catch(
      (error: unknown) => {
        throw error instanceof LlemError ? error : unreachable(title, connection.baseUrl, error)
      },
    )
    const { engine, engine_version } = identity.observed
    const who = [engine ?? 'a server', engine_version].filter((part) => part !== null).join(' ')
    const how = identity.by === 'unlisted' ? 'lists no models, so that only its answers tell' : 'serves it'
    return { seen: [`${who} at ${connection.baseUrl} ${how} (as ${identity.name})`], server: identity }
  } finally {
    signal?.removeEventListener('abort', leave)
    await connection.close()
  }
}
