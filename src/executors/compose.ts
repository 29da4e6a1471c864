import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { ExecaError, execa } from 'execa'
import { z } from 'zod'
import { LlemError, messageOf } from '../core/errors.js'
import { abortedError } from '../workers/worker-error.js'

/** Both spellings of Compose: the plugin of Docker's own command, and the program that it was before. */
const SPELLINGS = [['docker', 'compose'], ['docker-compose']] as const
/** In Compose's own order. */
const FILES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']
const ASK_MS = 20_000
const TAIL_LINES = 8

/** The compose file beside a campaign, null where there is none. */
export function composeFileBeside(campaignPath: string): string | null {
  const folder = dirname(resolve(campaignPath))
  return FILES.map((name) => join(folder, name)).find((path) => existsSync(path)) ?? null
}

/** What is asked of a container (https://docs.docker.com/reference/api/engine/: ContainerInspect). */
const inspectedSchema = z.object({
  Id: z.string(),
  /** The id of the image's content. */
  Image: z.string(),
  Config: z.object({ Image: z.string() }),
  State: z.object({
    Running: z.boolean(),
    StartedAt: z.string(),
    ExitCode: z.number(),
    Health: z.object({ Status: z.string() }).nullish(),
  }),
  HostConfig: z.object({ NetworkMode: z.string() }),
  NetworkSettings: z.object({ Networks: z.record(z.string(), z.object({ IPAddress: z.string() })) }),
})
export type Inspected = z.infer<typeof inspectedSchema>

export interface CommandOptions {
  timeoutMs?: number | undefined
  signal?: AbortSignal | undefined
  /** What it reads from stdin. */
  input?: string | undefined
}

/** Docker Compose on one compose file. DOCKER_HOST, contexts and profiles are the person's own settings. */
export class Compose {
  readonly file: string
  /** The program and the arguments before a subcommand. */
  readonly command: readonly string[]

  constructor(spelling: readonly string[], file: string) {
    this.file = file
    this.command = [...spelling, '-f', file]
  }

  /** The one that works here. Throws DOCKER_MISSING or DOCKER_UNREACHABLE. */
  static async find(file: string): Promise<Compose> {
    const spelling = await firstThatAnswers()
    if (spelling === null) {
      throw new LlemError('neither `docker compose` nor `docker-compose` works here', {
        code: 'DOCKER_MISSING',
        hint: 'Install Docker with its Compose plugin (https://docs.docker.com/compose/install/), or set docker.enabled: false.',
      })
    }
    try {
      await docker(['version', '--format', '{{.Server.Version}}'])
    } catch (cause) {
      throw new LlemError(`no Docker engine answers: ${lastLines(cause, 1)}`, {
        code: 'DOCKER_UNREACHABLE',
        hint: 'Start it, look at DOCKER_HOST and at who may use its socket, or set docker.enabled: false.',
        cause,
      })
    }
    return new Compose(spelling, file)
  }

  /** Runs a subcommand and resolves with what it wrote to stdout. Throws DOCKER_FAILED or ABORTED. */
  async run(args: readonly string[], options: CommandOptions = {}): Promise<string> {
    const [program = '', ...before] = this.command
    try {
      return await ran(program, [...before, ...args], options)
    } catch (cause) {
      if (options.signal?.aborted) throw abortedError(`${program} ${args[0] ?? ''}`, options.signal)
      throw new LlemError(`docker compose ${args.join(' ')} failed: ${lastLines(cause, TAIL_LINES)}`, {
        code: 'DOCKER_FAILED',
        hint: `Try it by hand: ${[...this.command, ...args].join(' ')}`,
        cause,
      })
    }
  }

  /** The services of the file, as far as no profile hides them. Throws DOCKER_FAILED. */
  async services(): Promise<string[]> {
    return words(await this.run(['config', '--services'], { timeoutMs: ASK_MS }))
  }

  /** Those of them that run. */
  async running(): Promise<string[]> {
    const listed = await this.run(['ps', '--services', '--filter', 'status=running'], { timeoutMs: ASK_MS })
    return words(listed)
  }

  /** The container of a service, null where it has none. Throws DOCKER_FAILED. */
  async container(service: string): Promise<Inspected | null> {
    const ask = async (...args: string[]) =>
      words(await this.run(['ps', ...args, '-q', service], { timeoutMs: ASK_MS }))
    // Compose 2 lists one that has ended only with all others, such as those of `docker compose run`.
    const [id] = [...(await ask()), ...(await ask('--all'))]
    return id === undefined ? null : this.inspect(id)
  }

  /** A container by its id, in a twentieth of the time that Compose takes to find it. Throws DOCKER_FAILED. */
  async inspect(id: string): Promise<Inspected> {
    try {
      return inspectedSchema.parse(JSON.parse(await docker(['inspect', '--format', '{{json .}}', id])))
    } catch (cause) {
      throw new LlemError(`docker inspect ${id} failed: ${lastLines(cause, TAIL_LINES)}`, {
        code: 'DOCKER_FAILED',
        hint: `Try it by hand: docker inspect ${id}`,
        cause,
      })
    }
  }
}

async function firstThatAnswers(): Promise<readonly string[] | null> {
  for (const [program, ...args] of SPELLINGS) {
    const answers = await ran(program, [...args, 'version'], { timeoutMs: ASK_MS }).then(
      () => true,
      () => false,
    )
    if (answers) return [program, ...args]
  }
  return null
}

function docker(args: readonly string[]): Promise<string> {
  return ran('docker', args, { timeoutMs: ASK_MS })
}

async function ran(
  program: string,
  args: readonly string[],
  { timeoutMs, signal, input }: CommandOptions,
): Promise<string> {
  const { stdout } = await execa(program, args, {
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    ...(timeoutMs === undefined ? {} : { timeout: timeoutMs }),
    ...(signal && { cancelSignal: signal }),
    forceKillAfterDelay: 2000,
    // A group of its own: Ctrl-C at a terminal must not end the very command that stops a service.
    detached: true,
    maxBuffer: 16 * 1024 * 1024,
  })
  return stdout
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

function lastLines(error: unknown, count: number): string {
  const said = error instanceof ExecaError ? String(error.stderr ?? '').trim() : ''
  const text = said === '' ? messageOf(error) : said
  return text.split('\n').slice(-count).join('\n')
}
