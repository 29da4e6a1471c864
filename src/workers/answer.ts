import { spawn } from 'node:child_process'
import { messageOf } from '../core/errors.js'

const MOST_BYTES = 4 * 1024 * 1024

/**
 * What a program prints, or why there is no answer. Always resolves, within `limitMs`: it is killed then with all that it
 * started, and not waited for, as what hangs in a driver or a file system does not even end by SIGKILL.
 */
export function answerOf(program: string, args: readonly string[], limitMs: number): Promise<string | Error> {
  return new Promise((resolve) => {
    // A group of its own, to be killed as one.
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const streams = { stdout: '', stderr: '' }
    const killGroup = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It is gone already.
      }
    }
    const answer = (what: string | Error) => {
      clearTimeout(limit)
      process.off('exit', killGroup)
      // What it left running holds its streams open.
      killGroup()
      child.stdout.destroy()
      child.stderr.destroy()
      child.unref()
      resolve(what)
    }
    const limit = setTimeout(() => answer(new Error(`no answer within ${limitMs / 1000} s`)), limitMs)
    process.once('exit', killGroup)
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        streams[name] += text
        if (streams[name].length > MOST_BYTES) answer(new Error('its answer does not end'))
      })
    child.once('error', (error) => answer(new Error(messageOf(error))))
    child.once('close', (code) => {
      const words = streams.stderr.trim().split('\n').at(-1)
      answer(code === 0 ? streams.stdout : new Error(words || `it exited with code ${code}`))
    })
  })
}
