import { spawn } from 'node:child_process'

/**
 * Runs one step, says on stderr that it runs and how it ended, and shows its output: as it comes for a step that
 * is `shown`, otherwise whole when it fails.
 *
 * @returns {Promise<{ ok: boolean, output: string, durationS: number }>} `output` is empty for a shown step
 */
export async function runStep({ name, command, env = {}, shown = false }, root) {
  process.stderr.write(`== ${name}: ${command.join(' ')}\n`)
  const startMs = performance.now()
  const { ok, output } = await run(command, { ...process.env, ...env }, shown, root)
  const durationS = (performance.now() - startMs) / 1000
  if (!ok) process.stderr.write(output)
  process.stderr.write(`== ${name}: ${ok ? 'ok' : 'FAILED'} after ${durationS.toFixed(1)} s\n`)
  return { ok, output, durationS }
}

function run([program, ...args], env, shown, root) {
  return new Promise((resolve) => {
    const chunks = []
    const output = () => Buffer.concat(chunks).toString()
    // Stdout is kept for the one line that says how many tests passed.
    const stdio = ['ignore', shown ? 2 : 'pipe', shown ? 2 : 'pipe']
    const child = spawn(program, args, { cwd: root, env, stdio })
    child.stdout?.on('data', (chunk) => chunks.push(chunk))
    child.stderr?.on('data', (chunk) => chunks.push(chunk))
    child.on('error', (error) =>
      resolve({ ok: false, output: `${program} does not start: ${error.message}\n` }),
    )
    child.on('close', (code, signal) => {
      if (signal) chunks.push(Buffer.from(`${program} was ended by ${signal}\n`))
      resolve({ ok: code === 0, output: output() })
    })
  })
}
