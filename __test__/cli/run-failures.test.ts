import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, vi } from 'vitest'
import { endsWithin, isRunning } from '../backends/processes.js'
import { scratchFolder } from '../backends/tiny-model.js'
import { llem } from '../native/llem.js'
import { gpu, scenarioFile, textFile } from '../native/scenario.js'
import { atNight } from '../setup/at-night.js'
import {
  filesIn,
  HOME,
  jsonIn,
  LONG,
  measured,
  model,
  pathIn,
  resultIn,
  run,
  startRun,
  workerOf,
} from './experiment.js'
import { paragraph } from './paragraph.js'

vi.setConfig({ testTimeout: 60_000 })

const BIN = fileURLToPath(new URL('../../bin/llem.js', import.meta.url))

describe('bad input', () => {
  const yaml = (text: string) => textFile('experiment.yaml', text)
  const half = () => {
    const path = join(scratchFolder(), 'half.gguf')
    const bytes = readFileSync(model)
    writeFileSync(path, bytes.subarray(0, bytes.length / 2))
    return path
  }

  it.for([
    [
      'an unknown key',
      () => [yaml('wramup:\n  enabled: false\n')],
      'CONFIG_INVALID',
      /experiment\.yaml:1:1: .*did you mean `warmup`\?/,
    ],
    [
      'a wrong type',
      () => [yaml('n_prompts: ten\n')],
      'CONFIG_INVALID',
      /experiment\.yaml:1:12: n_prompts must be a whole number/,
    ],
    ['a wrong type in a flag', () => ['-n', 'ten'], 'CONFIG_INVALID', /-n: n_prompts must be a whole number/],
    [
      'an unknown key in --set',
      () => ['--set', 'energy.intervall_ms=5'],
      'CONFIG_INVALID',
      /did you mean `energy\.interval_ms`\?/,
    ],
    ['an unknown backend', () => ['-b', 'llamacp'], 'CONFIG_INVALID', /did you mean `llamacpp`\?/],
    [
      'a missing configuration',
      () => ['/nowhere/experiment.yaml'],
      'CONFIG_INVALID',
      /there is no such file/,
    ],
    [
      'a missing model',
      () => ['-m', '/nowhere/model.gguf'],
      'MODEL_NOT_FOUND',
      /there is no model file \/nowhere\/model\.gguf/,
    ],
    ['half a model', () => ['-m', half()], 'MODEL_UNREADABLE', /half\.gguf/],
    ['a text as a model', () => ['-m', yaml('no model\n')], 'MODEL_UNREADABLE', /experiment\.yaml/],
    ['missing prompts', () => ['--set', 'prompts=/nowhere/prompts.txt'], 'PROMPTS_INVALID', /cannot be read/],
    [
      'a missing scenario',
      () => ['--simulate', '/nowhere/scenario.json'],
      'SCENARIO_UNREADABLE',
      /cannot be read/,
    ],
    [
      'a GPU that is not there',
      () => ['-q', '--simulate', '--set', 'energy.devices=[7]'],
      'GPU_NOT_FOUND',
      /No GPU 7/,
    ],
    [
      'nvml by name without a driver',
      () => ['--set', 'energy.backend=nvml'],
      'ENERGY_BACKEND_UNAVAILABLE',
      /set energy\.backend to auto/,
    ],
  ] as const)('%s is told in one paragraph and ends with 2', async ([, args, code, text]) => {
    const { code: exitCode, stdout, stderr, outputDir } = await run(args())
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    expect(stderr).toMatch(paragraph(code))
    expect(stderr).toMatch(text)
    expect(filesIn(outputDir)).toEqual([])
  })

  it('tells all problems of a configuration at once', async () => {
    const path = yaml('experiment_name: a/b\nbackend: vlm\nwarmup:\n  max_prompt: 3\n')
    const { stderr } = await run([path, '-n', 'x'])
    expect(stderr).toMatch(/^llem: 4 problems in the configuration:\n/)
    expect(stderr).toMatch(paragraph('CONFIG_INVALID'))
  })

  it('shows a stack trace with -v only', async () => {
    expect((await run(['-m', '/nowhere/model.gguf', '-v'])).stderr).toMatch(
      /\[MODEL_NOT_FOUND\]\n.*\n {4}at /,
    )
  })

  it('without anything says what to type, then the help', async () => {
    const { code, stdout, stderr } = await llem(['run'], { env: HOME })
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /^llem: give a configuration file or a model, as in `llem run -m model\.gguf`\. \[USAGE\]\n\nUsage: /,
    )
  })

  it('names the command that installs a backend which is not there', async () => {
    const { code, stderr } = await run([], [], { XDG_DATA_HOME: scratchFolder() })
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /llem: llamacpp is not installed\. Run: llem backend install llamacpp \[BACKEND_NOT_INSTALLED\]\n$/,
    )
  })

  it('a required baseline without a GPU ends with 1 before any model is loaded', async () => {
    const { code, stdout, stderr, outputDir } = await run(
      [],
      ['baseline.enabled=true', 'baseline.required=true'],
    )
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/\nllem: Baseline measurement required but failed: .* \[BASELINE_FAILED\]\n$/)
    expect(filesIn(outputDir)).toEqual([])
  })
})

describe('an output folder that takes nothing', () => {
  it.for([
    ['is a regular file', (): string => textFile('file', '')],
    ['is below a regular file', (): string => join(textFile('file', ''), 'results')],
    ['cannot be made, as in /proc', (): string => '/proc/llem-test'],
  ] as const)('is told before anything is measured where it %s', async ([, path]) => {
    const { code, stdout, stderr } = await run(['-o', path()])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(paragraph('OUTPUT_NOT_WRITABLE'))
    expect(stderr).toContain('Or choose another folder with -o.')
  })

  /** Runs it below a limit of so many blocks of 512 bytes for any file. */
  function limited(blocks: number, prompts: number) {
    const outputDir = scratchFolder()
    const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: 300 }])])
    const sets = [
      'llamacpp.threads=1',
      'llamacpp.context_size=512',
      'baseline.enabled=false',
      'warmup.enabled=false',
      'generation.max_tokens=16',
      'generation.ignore_eos=true',
    ]
    const args = [
      BIN,
      'run',
      '-m',
      model,
      '-o',
      outputDir,
      '--json',
      '--simulate',
      scenario,
      '-n',
      String(prompts),
    ]
    const command = [process.execPath, ...args, ...sets.flatMap((set) => ['--set', set])]
    const { status, stdout, stderr } = spawnSync(
      'sh',
      ['-c', `ulimit -f ${blocks}; exec "$@"`, 'sh', ...command],
      {
        encoding: 'utf8',
        env: { ...process.env, ...HOME },
      },
    )
    return { code: status, stdout, stderr, outputDir }
  }

  atNight('prints the result that it cannot write, ends with 1 and leaves no half of it', () => {
    const { code, stdout, stderr, outputDir } = limited(8, 4)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({ output_tokens: 64, simulated: true })
    expect(stderr).toMatch(
      /\nllem: \S+result\.json could not be written: EFBIG.* choose another folder\. \[RESULT_NOT_WRITTEN\]\n$/,
    )
    // The readings are too large for that disk as well.
    expect(filesIn(outputDir)).toEqual([['requests.jsonl', 'timeseries.parquet']])
  })

  it('costs the list of requests where only that is too large, with a warning in the result', () => {
    const { code, stderr, outputDir } = limited(64, 200)
    expect(code).toBe(0)
    expect(stderr).toMatch(/\nrequests\.jsonl could not be written \(non-fatal\): EFBIG/)
    const result = resultIn(outputDir)
    expect(result.output_tokens).toBe(200 * 16)
    expect(result.measurement_warnings).toContainEqual(expect.stringMatching(/^requests_incomplete: .*EFBIG/))
  })

  it('does not hide that stdout is full', () => {
    const command = `exec "$@" > /dev/full`
    const args = [process.execPath, BIN, 'run', '-m', model, '--dry-run', '--json']
    const { status, stderr } = spawnSync('sh', ['-c', command, 'sh', ...args], { encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr).toMatch(paragraph('STDOUT_NOT_WRITABLE'))
  })
})

describe('a worker that is killed', () => {
  it('while it measures ends the run with 1, keeps what was measured, and no result', async () => {
    const { child, ended, outputDir } = startRun(['--simulate'], LONG)
    await measured(outputDir, 5)
    const worker = workerOf(child)
    process.kill(worker, 'SIGKILL')
    const { code, stdout, stderr } = await ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    const [last] = stderr.split('\n').slice(-2)
    expect(last).toMatch(
      /^llem: the llamacpp worker was killed by SIGKILL during run\. .* What was measured by then is in \S+\. \[WORKER_DIED\]$/,
    )
    expect(filesIn(outputDir)).toEqual([
      ['incomplete.json', 'requests.jsonl', 'samples.parquet', 'timeseries.parquet'],
    ])
    expect(jsonIn(outputDir, 'incomplete.json')).toMatchObject({
      status: 'failed',
      simulated: true,
      energy: { duration_sec: expect.any(Number) },
    })
    expect(isRunning(worker)).toBe(false)
  })

  it('while it warms up is told once, not for every prompt that is left', async () => {
    const { child, ended, outputDir, says } = startRun(
      [],
      [...LONG, 'warmup.max_prompts=200', 'warmup.cv_threshold=0'],
    )
    await says('Warmup: up to 200 prompts')
    const worker = workerOf(child)
    process.kill(worker, 'SIGKILL')
    const { code, stderr } = await ended
    expect(code).toBe(1)
    expect(stderr.match(/killed by SIGKILL/g)).toHaveLength(1)
    expect(stderr).toMatch(/ \[WORKER_DIED\]\n$/)
    expect(filesIn(outputDir)).toEqual([])
    expect(await endsWithin(worker, 2000)).toBe(true)
  })

  it('is gone as soon as llem itself is killed', async () => {
    const { child, ended, outputDir } = startRun(['--simulate'], LONG)
    await measured(outputDir, 2)
    const worker = workerOf(child)
    child.kill('SIGKILL')
    await ended
    expect(await endsWithin(worker, 3000)).toBe(true)
    expect(existsSync(pathIn(outputDir, 'result.json'))).toBe(false)
  })
})
