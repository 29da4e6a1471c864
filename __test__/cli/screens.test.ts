// The first screens as a terminal shows them: tables that are not wrapped, colours that every theme can show, and after
// a Ctrl-C nothing of what was drawn in place.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { scratchFolder } from '../backends/tiny-model.js'
import { HOME, LONG, model } from './experiment.js'
import { hasTmux, onTerminal, type Terminal } from './tmux.js'

vi.setConfig({ testTimeout: 60_000 })

beforeEach((context) => {
  if (!hasTmux) context.skip('tmux is not installed')
})

const WIDTHS = [60, 80, 120]
const { NO_COLOR, ...DATA } = HOME
const COLOUR = { ...DATA, NO_COLOR: '' }
const PLAIN = { ...DATA, NO_COLOR }

const QUICK = [
  ...['llamacpp.threads=1', 'llamacpp.context_size=512', 'baseline.enabled=false'],
  ...['warmup.max_prompts=5', 'warmup.thermal_floor_seconds=0'],
]
const runOf = (...sets: string[]) => [
  ...['run', '-m', model, '-o', 'results', '--simulate', '-n', '20'],
  ...[...QUICK, ...sets].flatMap((set) => ['--set', set]),
]

function campaignOf(cycles: number, gapSeconds: number, maxTokens: string): string[] {
  const folder = scratchFolder()
  const path = join(folder, 'campaign.yaml')
  writeFileSync(
    path,
    `campaign_name: screens
model: ${model}
n_prompts: 4
llamacpp: { threads: 1, context_size: 512 }
baseline: { enabled: false }
warmup: { enabled: false }
generation: { ignore_eos: true }
grid: { shared: { generation.max_tokens: [${maxTokens}] } }
execution: { cycles: ${cycles}, config_gap_seconds: ${gapSeconds}, cycle_gap_seconds: ${gapSeconds} }
io: { results_dir: ${folder}/results }
`,
  )
  return ['campaign', path, '--simulate', '--yes']
}

interface Screen {
  command: string
  args: () => string[]
  code: number
  /** Of what its tables must show, each in a line. */
  tables: RegExp[]
}

const SCREENS: Screen[] = [
  {
    command: 'run',
    args: () => runOf(),
    code: 0,
    tables: [/^ {2}Quoted {2,}\d/, /^ {2}Latency {2,}TTFT/, /^ {2}Files( {2,}\/|$)/],
  },
  {
    command: 'exec',
    args: () => ['exec', '--simulate', '--', 'sleep', '1'],
    code: 0,
    tables: [/^GPU 0 {2}NVIDIA H200 +\d/, /\bduration {2}by\b/, /^GPU 0 .*\bcounter$/],
  },
  {
    command: 'exec --runs',
    args: () => ['exec', '--simulate', '--runs', '2', 'sleep 0.4', 'sleep 0.35'],
    code: 0,
    tables: [/^ +runs +energy \(95 % CI\)/, /^sleep 0\.35 +2/, /\b95 % CI$/],
  },
  {
    command: 'campaign',
    args: () => campaignOf(2, 0, '60'),
    code: 0,
    tables: [/^experiment +n +J\/output token/, /^llamacpp_\S+=60 /, /95 % by$/],
  },
  {
    command: 'monitor',
    args: () => ['monitor', '--simulate', '--duration', '1.5'],
    code: 0,
    tables: [/^ {3}name +power +energy/, /^0 {2}NVIDIA H200 +\d/, /^ {3}(\S.* )?power over time$/],
  },
]

describe.each([
  ['with colour', COLOUR],
  ['with NO_COLOR', PLAIN],
] as const)('a screen %s', (_, env) => {
  it.each(SCREENS)('of $command wraps no table at 60, 80 and 120 columns', async ({ args, code, tables }) => {
    const terminals = await Promise.all(WIDTHS.map((columns) => onTerminal(columns, args(), env)))
    for (const terminal of terminals) {
      expect(await terminal.ended()).toBe(code)
      const rows = await terminal.rows()
      for (const table of tables)
        expect(rows, `at ${terminal.columns}`).toContainEqual(expect.stringMatching(table))
      expect(await wrappedTables(terminal), `at ${terminal.columns}`).toEqual([])
      expect(coloursIn(terminal).filter((each) => !HARMLESS.has(each))).toEqual([])
      expect(coloursIn(terminal).length > 0).toBe(env === COLOUR)
      expect(await terminal.isCursorShown()).toBe(true)
      expect(rows.filter((row) => BAR.test(row))).toEqual([])
    }
  })
})

describe.concurrent('Ctrl-C at 60 columns', () => {
  const GOODBYE = /^SIGINT: ending cleanly and keeping what was measured; once more ends at once\.$/
  const LATER = /^Measuring \|[░█]+\| [1-9]/
  it.each([
    [
      'run, while idle power is measured',
      runOf('baseline.enabled=true', 'baseline.duration_sec=60'),
      /^Measuring idle power \|/,
      130,
      GOODBYE,
    ],
    [
      'run, in the warmup',
      runOf(...LONG, 'warmup.max_prompts=200', 'warmup.cv_threshold=0'),
      /^Warmup \|.* CV /,
      130,
      GOODBYE,
    ],
    [
      'run, while it waits for a steady temperature',
      runOf('warmup.thermal_floor_seconds=60'),
      /^Thermal .*\|/,
      130,
      GOODBYE,
    ],
    ['run, while it measures', runOf(...LONG), LATER, 130, GOODBYE],
    ['campaign, in a run', campaignOf(1, 0, '400, 450'), /^Campaign \|.* 0\/2 run/, 130, GOODBYE],
    ['campaign, between two experiments', campaignOf(1, 60, '4, 5'), /^Campaign \|.* 1\/2 run/, 130, GOODBYE],
    [
      'exec',
      ['exec', '--simulate', '--', 'sh', '-c', 'echo begun; exec sleep 60'],
      /^begun$/,
      130,
      /^GPU 0 /,
    ],
    [
      'exec --runs',
      ['exec', '--simulate', '--runs', '9', 'sleep 1', 'sleep 2'],
      /\| 1\/18 run/,
      130,
      GOODBYE,
    ],
    ['monitor', ['monitor', '--simulate'], /▅{5}/, 0, /^GPU 0: .* J /],
  ] as const)(
    'ends %s: nothing of a bar is left, and the cursor is back',
    async (_, args, phase, code, said) => {
      const terminal = await onTerminal(60, args, COLOUR)
      await terminal.shows(phase)
      await terminal.press('C-c')
      expect(await terminal.ended()).toBe(code)
      const lines = await terminal.lines()
      expect(lines).toContainEqual(expect.stringMatching(said))
      expect(lines).toContainEqual(`END ${code}`)
      expect(lines.filter((line) => BAR.test(line))).toEqual([])
      expect(lines.filter((line) => line.includes('^C') && !/^\^C$/.test(line))).toEqual([])
      expect(await wrappedTables(terminal)).toEqual([])
      expect(await terminal.isCursorShown()).toBe(true)
    },
  )
})

const BAR = /[█░]{3}/

/** Lines that the terminal has wrapped though they are of a table: two blanks stand in no sentence. */
async function wrappedTables(terminal: Terminal): Promise<string[]> {
  const rows = new Set(await terminal.rows())
  return (await terminal.lines()).filter((line) => !rows.has(line) && /\S {2,}\S/.test(line))
}

/** Reset, bold, faint, and the colours that are seen on a dark and on a light ground: neither black nor white. */
const HARMLESS: ReadonlySet<string> = new Set(
  [0, 1, 2, 22, 39, 31, 32, 33, 34, 35, 36, 91, 92, 93, 94, 95, 96].map(String),
)

/** The attributes of text that were set, each by its number; what has several numbers, as a colour of 256 has, is one. */
function coloursIn(terminal: Terminal): string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is control characters that are looked for
  return [...terminal.written().matchAll(/\u001B\[([\d;:]*)m/g)].map(([, codes = '']) => codes || '0')
}
