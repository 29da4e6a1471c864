import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { llem } from '../native/llem.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

describe('--version', () => {
  it.for(['--version', '-V'])('%s prints the version alone', async (flag) => {
    expect(await llem([flag])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('--help', () => {
  it.for([
    [['--help'], 'llem run -m model.gguf'],
    [['run', '--help'], 'llem run experiment.yaml --set warmup.max_prompts=20'],
    [['run', '-h'], 'llem run -m model.gguf --simulate'],
    [['help', 'run'], 'llem run experiment.yaml --dry-run --json'],
    [['exec', '--help'], 'llem exec -- python generate.py'],
    [['devices', '--help'], 'llem devices --json'],
    [['show', '--help'], 'llem show results/'],
    [['export', '--help'], 'llem export results > results.csv'],
    [['schema', '--help'], 'llem schema result'],
    [['baseline', '--help'], 'llem baseline clear'],
    [['baseline', 'measure', '--help'], 'llem baseline measure --devices 0'],
    [['backend', 'install', '--help'], 'llem backend install llamacpp --gpu none'],
  ] as const)('of %j goes to stdout, with examples', async ([args, example]) => {
    const { code, stdout, stderr } = await llem(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('\nExamples:\n')
    expect(stdout).toContain(`  ${example}`)
  })

  it('of run names every option', async () => {
    const { stdout } = await llem(['run', '--help'])
    const options =
      '-m, --model|-b, --backend|-n, --n-prompts|-o, --output-dir|--set|--simulate|--dry-run|--json|-q, --quiet|-v, --verbose'
    for (const option of options.split('|')) expect(stdout).toContain(`  ${option} `)
    expect(stdout).not.toContain('default: []')
  })

  it.for([[], ['backend']])('is what %j alone shows, on stderr, with 2', async (args) => {
    const { code, stdout, stderr } = await llem(args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^Usage: llem/)
  })
})

describe('a typo', () => {
  it.for([
    [['rnu'], "unknown command 'rnu'. Did you mean run? See `llem --help`."],
    [['run', '--simulte'], "unknown option '--simulte'. Did you mean --simulate? See `llem run --help`."],
    [['run', '--jsn'], "unknown option '--jsn'. Did you mean --json? See `llem run --help`."],
    [['backend', 'instal'], "unknown command 'instal'. Did you mean install? See `llem backend --help`."],
    [
      ['backend', 'list', '--jso'],
      "unknown option '--jso'. Did you mean --json? See `llem backend list --help`.",
    ],
    [
      ['exec'],
      "missing required argument 'command'. It stands after --, as in `llem exec -- sleep 1`. See `llem exec --help`.",
    ],
    [['help', 'rnu'], "unknown command 'rnu'. Did you mean run? See `llem --help`."],
    [
      ['campaign', 'statsu', 'results/x'],
      "too many arguments for 'campaign'. Expected 1 argument but got 2. Did you mean llem campaign status? See `llem campaign --help`.",
    ],
    [
      ['campaign', 'run', 'grid.yaml'],
      "too many arguments for 'campaign'. Expected 1 argument but got 2. It has the commands status, wait, cancel, init. See `llem campaign --help`.",
    ],
    [['run', '-m'], "option '-m, --model <model>' argument missing. See `llem run --help`."],
    [
      ['run', 'a.yaml', 'b.yaml'],
      "too many arguments for 'run'. Expected 1 argument but got 2. See `llem run --help`.",
    ],
    [['nothing-like-it'], "unknown command 'nothing-like-it'. See `llem --help`."],
  ] as const)('in %j is told with what was meant and ends with 2', async ([args, sentence]) => {
    const { code, stdout, stderr } = await llem(args)
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: '', stderr: `llem: ${sentence} [USAGE]\n` })
  })
})
