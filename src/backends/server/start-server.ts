import { containerPids } from '../../workers/container-processes.js'
import { inService } from '../../workers/service.js'
import type { ServerPlan } from './plan.js'
import { ServerProcess } from './server-process.js'

/** Reached by nobody else. */
export const LOCAL = '127.0.0.1'

/** Starts the server of a plan; null where the plan is of one that runs already. */
export function startServer(plan: ServerPlan, port: number): ServerProcess | null {
  const { service, title } = plan
  const fill = (part: string) =>
    part.replaceAll('{port}', String(port)).replaceAll('{host}', service?.listen ?? LOCAL)
  const filled = (plan.command ?? []).map(fill)
  // Some are told by a variable where to listen.
  const own = Object.fromEntries(Object.entries(plan.env).map(([name, value]) => [name, fill(value)]))
  const [command, ...args] = filled
  if (command === undefined) return null
  // Without this, Python keeps what it says from a pipe for as long as it likes.
  const env = { PYTHONUNBUFFERED: '1', ...own }
  const run =
    service === null
      ? { command, args, env: { ...env, ...process.env, ...own } }
      : inService(service, {
          backend: title,
          run: { command: filled },
          stdin: 'hold',
          from: process.env,
          env,
        })
  const log = (line: string) => process.stderr.write(`${line}\n`)
  return new ServerProcess({ title, ...run, env: run.env ?? process.env, log })
}

/** What the server is made of. Of one in a container the child here is only the client. */
export function processesOf(own: ServerProcess, { service }: ServerPlan): readonly { pid: number }[] {
  const id = service?.exec === undefined ? service?.container_id : undefined
  return id === undefined ? own.processes : containerPids(id).map((pid) => ({ pid }))
}
