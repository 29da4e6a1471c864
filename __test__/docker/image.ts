// The image of llem over a base: built by the script that people use, and run.

import { execFile, execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { scratchFolder } from '../backends/tiny-model.js'
import { packedFolder } from '../house/packed.js'
import type { Engine } from './engine.js'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))

/** A folder as an image; answers its name. */
export async function imageOf(folder: string, name: string, { env }: Engine): Promise<string> {
  await run('sh', ['-c', 'tar -C "$1" -c . | docker import - "$2"', 'sh', folder, name], {
    env: { ...process.env, ...env },
  })
  return name
}

/** This machine's own Node, a few programs and the libraries that they need, and nothing else. */
export function nodeAlone(): string {
  const folder = scratchFolder()
  const programs = [process.execPath, '/bin/sleep', '/bin/true', '/usr/bin/id']
  const needed = programs.flatMap((program) =>
    [...execFileSync('ldd', [program], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)].map(
      ([, path = '']) => path,
    ),
  )
  const place = (path: string, to: string) => {
    mkdirSync(dirname(join(folder, to)), { recursive: true })
    copyFileSync(realpathSync(path), join(folder, to))
  }
  for (const path of new Set(needed)) place(path, path)
  for (const program of programs) place(program, `/usr/bin/${program.split('/').at(-1)}`)
  mkdirSync(join(folder, 'tmp'), { mode: 0o777 })
  execFileSync('chmod', ['1777', join(folder, 'tmp')])
  return folder
}

/** The context of the image, filled once. */
export async function contextOf(): Promise<string> {
  const folder = join(scratchFolder(), 'context')
  await run(
    process.execPath,
    [join(root, 'scripts/image.mjs'), '--context-only', '--folder', folder, '--packages', packedFolder()],
    {
      maxBuffer: 1 << 26,
    },
  )
  if (!existsSync(join(folder, 'Dockerfile'))) throw new Error('there is no context')
  return folder
}

export interface Image {
  run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }>
  inspect(format: string): Promise<string>
  layers(): Promise<string[]>
}

/** Builds the image anew. */
export async function build(context: string, base: string, tag: string, { env }: Engine): Promise<Image> {
  const all = { ...process.env, ...env }
  const docker = async (...args: string[]) =>
    (await run('docker', args, { env: all, maxBuffer: 1 << 26 })).stdout
  await docker(
    'build',
    '--no-cache',
    '--network',
    'none',
    '--build-arg',
    `BASE=${base}`,
    '--tag',
    tag,
    context,
  )
  const inspect = async (format: string) => (await docker('inspect', '-f', format, tag)).trim()
  return {
    run: (...args) =>
      new Promise((resolve) => {
        const child = execFile(
          'docker',
          ['run', '--rm', '--network', 'none', tag, ...args],
          { env: all, maxBuffer: 1 << 26 },
          (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
        )
      }),
    inspect,
    layers: async () => JSON.parse(await inspect('{{json .RootFS.Layers}}')),
  }
}

/** Of an engine that was there before nothing stays. */
export async function removeImages({ env }: Engine, ...names: string[]): Promise<void> {
  await run('docker', ['rmi', '--force', ...names], { env: { ...process.env, ...env } }).catch(
    () => undefined,
  )
}
