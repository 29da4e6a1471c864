// A real terminal: tmux interprets what llem writes, so a test sees what a person sees.

import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll } from 'vitest'
import { scratchFolder } from '../backends/tiny-model.js'

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const run = promisify(execFile)

export const hasTmux = spawnSync('tmux', ['-V']).status === 0

const folder = scratchFolder()
// A server of its own, which knows nothing of whoever runs the tests.
const server = ['-u', '-f', '/dev/null', '-S', join(folder, 'tmux')]
const tmux = async (...args: string[]) =>
  (await run('tmux', [...server, ...args], { env: { ...process.env, SHELL: '/bin/sh' } })).stdout

afterAll(() => {
  if (hasTmux) spawnSync('tmux', [...server, 'kill-server'])
})

let count = 0

export interface Terminal {
  columns: number
  /** The lines as they stand on the screen, and those above it. */
  rows(): Promise<string[]>
  /** The same, but what the terminal has wrapped is one line. */
  lines(): Promise<string[]>
  /** Every byte that was written to it. */
  written(): string
  isCursorShown(): Promise<boolean>
  press(key: string): Promise<void>
  /** Resolves once a line has this; fails when it has not within half a minute. */
  shows(text: RegExp): Promise<void>
  /** The exit code, once the command is over. */
  ended(): Promise<number>
}

/** Runs llem on a terminal of so many columns. What stands behind it there is the line "END" with its exit code. */
export async function onTerminal(
  columns: number,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Terminal> {
  count += 1
  const name = `t${count}`
  const path = join(folder, `${name}.written`)
  const set = Object.entries(env).map(([key, value]) => `${key}=${value}`)
  const command = ['env', ...set, process.execPath, BIN, ...args].map(quoted).join(' ')
  // A shell at a terminal outlives a Ctrl-C. What was written is kept from the first byte on.
  const script = `trap : INT; cd ${quoted(folder)}; tmux wait-for ${name}; ${command}; echo "END $?"; exec sleep 600`
  await tmux('new-session', '-d', '-s', name, '-x', String(columns), '-y', '60', script)
  await tmux('pipe-pane', '-t', name, `cat > ${quoted(path)}`)
  await tmux('wait-for', '-S', name)
  const capture = async (...options: string[]) =>
    (await tmux('capture-pane', '-p', '-t', name, '-S', '-', ...options))
      .split('\n')
      .map((line) => line.trimEnd())
  const lines = () => capture('-J')
  const shows = async (text: RegExp) => {
    const deadline = performance.now() + 30_000
    for (;;) {
      const shown = await lines()
      if (shown.some((line) => text.test(line))) return
      if (performance.now() > deadline)
        throw new Error(`${text} is not there within 30 s, but:\n${shown.join('\n').trim()}`)
      await sleep(50)
    }
  }
  return {
    columns,
    rows: () => capture(),
    lines,
    written: () => readFileSync(path, 'utf8'),
    isCursorShown: async () =>
      (await tmux('display-message', '-p', '-t', name, '#{cursor_flag}')).trim() === '1',
    press: async (key) => void (await tmux('send-keys', '-t', name, key)),
    shows,
    ended: async () => {
      await shows(/END \d+$/)
      const end = (await lines()).find((line) => /END \d+$/.test(line))
      return Number(end?.split(' ').at(-1))
    },
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
