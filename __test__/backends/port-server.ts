import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach } from 'vitest'

const running: ChildProcess[] = []

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})

/** A server of the tests as a process, which prints its port; it ends after the test, or `forAll` tests when told. */
export async function startPortServer(
  script: string,
  args: readonly string[],
  { wrap = [], forAll = false }: { wrap?: readonly string[]; forAll?: boolean } = {},
): Promise<{ port: number; stderr: () => string; end: () => void }> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const [command = process.execPath, ...rest] = [...wrap, process.execPath, path, ...args]
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'] })
  if (!forAll) running.push(child)
  let stderr = ''
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout.once('data', (data) => resolve(Number(data)))
    child.once('exit', (code) => reject(new Error(`${script} exited with ${code}: ${stderr}`)))
  })
  return { port, stderr: () => stderr, end: () => child.kill('SIGKILL') }
}
