import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { scratchFolder } from '../backends/tiny-model.js'
import { atNight, byDay } from '../setup/at-night.js'
import { HOME, model, run } from './experiment.js'

vi.setConfig({ testTimeout: 60_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))
const ESCAPE = '\u001B'
const YELLOW = `${ESCAPE}[33m`
const COMMAND = [
  ...['run', '-m', model, '-o', scratchFolder(), '--simulate', '-n', '20', '--set', 'llamacpp.threads=1'],
  ...['--set', 'llamacpp.context_size=512', '--set', 'baseline.enabled=false'],
  ...['--set', 'warmup.max_prompts=5', '--set', 'warmup.thermal_floor_seconds=0'],
]
const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ')

/** What llem shows on a terminal: `script` gives it one for stdin, stdout and stderr. */
function onTerminal(env: NodeJS.ProcessEnv, redirection = '') {
  const command = `${quoted([process.execPath, BIN, ...COMMAND])}${redirection}`
  const { status, stdout } = spawnSync('script', ['-qec', command, '/dev/null'], {
    encoding: 'utf8',
    env: { ...process.env, ...HOME, TERM: 'xterm', ...env },
  })
  return { code: status, shown: stdout }
}

describe('a terminal', () => {
  it('gets a bar with the CV and its target, which is cleared, and the cursor back', () => {
    const { code, shown } = onTerminal({ NO_COLOR: '' })
    expect(code).toBe(0)
    expect(shown).toContain('Warmup |')
    expect(shown).toMatch(/5\/5 prompt \S+ CV [\d.]+%, target 5\.0%/)
    expect(shown).toMatch(/Measuring \|[░█]+\| 20\/20 prompt/)
    expect(shown).not.toContain('Warmup: up to')
    expect(shown.lastIndexOf(`${ESCAPE}[?25h`)).toBeGreaterThan(shown.lastIndexOf(`${ESCAPE}[?25l`))
    expect(shown.slice(shown.lastIndexOf(`${ESCAPE}[?25h`))).not.toContain('Measuring')
  })

  atNight('shows that it is simulated in colour', () => {
    expect(onTerminal({ NO_COLOR: '' }).shown).toContain(`${YELLOW}SIMULATED: `)
  })

  it('shows no colour with NO_COLOR', () => {
    const { shown } = onTerminal({ NO_COLOR: '1' })
    expect(shown).toContain('SIMULATED: ')
    expect(shown).not.toContain(`${ESCAPE}[3`)
  })

  atNight('that is dumb gets plain lines', () => {
    const { shown } = onTerminal({ NO_COLOR: '', TERM: 'dumb' })
    expect(shown).toContain('Warmup: up to 5 prompts')
    expect(shown).not.toContain(ESCAPE)
  })

  it('for stdout alone colours nothing on stderr', () => {
    const { shown } = onTerminal({ NO_COLOR: '' }, ' 2>&1 >/dev/null | cat')
    expect(shown).toContain('Measuring: 20 prompts')
    expect(shown).not.toContain(ESCAPE)
  })
})

describe('a pipe', () => {
  it.for(byDay(1, [{}, { CI: 'true' }, { TERM: 'xterm-256color', COLORTERM: 'truecolor' }]))(
    'gets no escape codes, whatever the environment says: %j',
    async (env) => {
      const { code, stdout, stderr } = await run(['--simulate', '-n', '2'], [], { NO_COLOR: '', ...env })
      expect(code).toBe(0)
      expect(stdout + stderr).toContain('SIMULATED')
      expect(stdout + stderr).not.toContain(ESCAPE)
    },
  )

  atNight('whose reader goes away early costs nothing', async () => {
    const command = `${quoted([process.execPath, BIN, ...COMMAND])} | true; echo "exit \${PIPESTATUS[0]}"`
    const { stdout, stderr } = await bash(command)
    expect(stdout).toBe('exit 0\n')
    expect(stderr).not.toMatch(/EPIPE|\bat /)
  })

  it('for the progress may be closed, and the result is still printed', async () => {
    const command = `{ ${quoted([process.execPath, BIN, ...COMMAND])} 2>&3 | cat; echo "exit \${PIPESTATUS[0]}"; } 3> >(true)`
    const { stdout } = await bash(command)
    expect(stdout).toMatch(/^SIMULATED: [\s\S]* {2}Files {2,}\S+\nexit 0\n$/)
  })
})

function bash(command: string): Promise<{ stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn('bash', ['-c', command], { env: { ...process.env, ...HOME } })
    const read = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', (text) => {
      read.stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text) => {
      read.stderr += text
    })
    child.on('close', () => resolve(read))
  })
}
