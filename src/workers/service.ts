// A worker in a container: the same process, started by `docker compose exec`. python/in_service.py is the other half.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { WorkerCommand } from './worker-process.js'

/** The service of a compose file in which workers are started, as long as its container is this one. */
export const serviceSchema = z.strictObject({
  name: z.string().min(1),
  /** The program and the arguments before a subcommand, e.g. docker compose -f compose.yaml. */
  compose: z.array(z.string()).min(1),
  /** Of an image that is no service: the whole command before a program in it. What it starts is a child of ours. */
  exec: z.array(z.string()).min(1).optional(),
  container_id: z.string().min(1),
  /** As the compose file names it. */
  image: z.string(),
  image_id: z.string(),
  /** Where a server in it is reached from here. */
  address: z.string(),
  /** What a server in it has to listen on for that. */
  listen: z.string(),
  /** The interpreter in it. */
  python: z.string(),
  /** Tells its processes by their environment, so that what is left of them can be found. */
  mark: z.string(),
  /** Variables of this environment that its workers get too. */
  env: z.array(z.string()),
})
export type Service = z.infer<typeof serviceSchema>

/** What is started in a service. */
export interface InService {
  /** The backend's name, for messages. */
  backend: string
  /** The text of a Python program, or a program of the image with its arguments. */
  run: { script: string } | { command: readonly string[] }
  /** What stdin is: the worker's own, or a sign that somebody still wants it. */
  stdin: 'relay' | 'hold'
  /** Where the variables that it gets are looked up. */
  from: NodeJS.ProcessEnv
  /** More of them, by value. */
  env?: Readonly<Record<string, string>>
}

/** GPUs go by UUID, whatever indices they have inside. */
const ALWAYS = ['CUDA_VISIBLE_DEVICES']

/** The command that starts it. Its environment is in what is written to stdin first: arguments can be read by everybody. */
export function inService(
  service: Service,
  { backend, run, stdin, from, env = {} }: InService,
): WorkerCommand {
  const taken = [...ALWAYS, ...service.env].flatMap((name) => {
    const value = from[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const order = {
    script: 'script' in run ? run.script : null,
    command: 'command' in run ? run.command : null,
    env: { ...Object.fromEntries(taken), ...env, [MARK]: service.mark },
    stdin,
  }
  const [command = '', ...args] = execCommand(service)
  return { backend, command, args, preamble: orderLine(order) }
}

/** Marks the processes of a campaign in its containers. */
const MARK = 'LLEM_CAMPAIGN'

/** The program and arguments that start python/in_service.py in a service. */
export function execCommand({
  compose,
  exec,
  name,
  python,
  mark,
}: Pick<Service, 'compose' | 'exec' | 'name' | 'python' | 'mark'>): string[] {
  if (exec !== undefined) return [...exec, python, '-u', '-c', BOOT]
  return [...compose, 'exec', '-T', '-e', `${MARK}=${mark}`, name, python, '-u', '-c', BOOT]
}

/** The first line of its stdin: what it shall do, and itself. */
export function orderLine(order: Record<string, unknown>): string {
  return JSON.stringify({ ...order, shim: readFileSync(SHIM, 'utf8') })
}

const SHIM = fileURLToPath(import.meta.resolve('#in-service'))
const BOOT =
  "import json,sys;order=json.loads(sys.stdin.buffer.readline());exec(compile(order['shim'],'in_service.py','exec'))"
