import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

/**
 * Starts a tool over the plan; resolves with its answers when it has ended. `ready` resolves when the tool has said
 * that it is. Both reject with the end of what it wrote.
 */
export function startTool({ command, planPath, env, cwd, logPath }) {
  const log = openSync(logPath, 'w')
  const child = spawn(command[0], [...command.slice(1), planPath], {
    stdio: ['ignore', log, log, 'pipe'],
    env,
    cwd,
  })
  const answers = []
  let isReady
  const ready = new Promise((resolve) => {
    isReady = resolve
  })
  const lines = createInterface({ input: child.stdio[3] })
  lines.on('line', (line) => {
    const answer = JSON.parse(line)
    if (answer.ready) isReady()
    else answers.push(answer)
  })
  const read = new Promise((resolve) => lines.once('close', resolve))
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', async (code, signal) => {
      if (code !== 0) reject(new Error(`${command.at(-1)} ended with ${signal ?? code}:\n${tail(logPath)}`))
      await read
      resolve(answers)
    })
  })
  return { ready, ended, stop: () => child.kill() }
}

function tail(path) {
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-20).join('\n')
}
