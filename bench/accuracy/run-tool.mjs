import { spawn } from 'node:child_process'
import { existsSync, openSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'

/**
 * Starts a tool over the plan in a folder. `ready` resolves when the tool has said that it is; `ended` resolves with
 * its answers and the CPU seconds that they took when it has ended, or rejects with the last of what it printed.
 */
export function startTool({ command, folder, env }) {
  const name = basename(command.at(-1))
  const logPath = join(folder, `${name}.log`)
  const log = openSync(logPath, 'w')
  const child = spawn(command[0], [...command.slice(1), join(folder, 'plan.json')], {
    stdio: ['ignore', log, log, 'pipe'],
    env,
    cwd: folder,
  })
  const answers = []
  let cpuS = null
  const lines = createInterface({ input: child.stdio[3] })
  const read = new Promise((resolve) => lines.once('close', resolve))
  const ready = new Promise((resolve) => {
    lines.on('line', (line) => {
      const answer = JSON.parse(line)
      if (answer.ready) resolve()
      else if ('cpu_s' in answer) cpuS = answer.cpu_s
      else answers.push(answer)
    })
  })
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', async (code, signal) => {
      if (code !== 0) reject(new Error(`${name} ended with ${signal ?? code}:\n${tail(logPath)}`))
      await read
      resolve({ answers, cpuS })
    })
  })
  const stop = () => {
    child.kill()
    // A process that the tool has started and left behind must not keep the bench.
    child.stdio[3].destroy()
  }
  return { ready, ended, stop }
}

function tail(path) {
  // Tools that are stopped because another failed end after the folder is gone.
  if (!existsSync(path)) return ''
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-20).join('\n')
}
