// llem exec --runs: commands that are run in rounds and compared, over a simulated GPU whose power is known.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it, vi } from 'vitest'
import { endsWithin, within } from '../backends/processes.js'
import { llem, startLlem } from '../native/llem.js'
import { gpu, scenarioFile, scratchFolder, textFile } from '../native/scenario.js'
import { atNight, byDay } from '../setup/at-night.js'

vi.setConfig({ testTimeout: 120_000 })

const POWER_W = 300
const scenario = scenarioFile([gpu(0, [{ for_s: 1, w: POWER_W }])])
const repeated = (...args: string[]) => llem(['exec', '--simulate', scenario, ...args])

/** A command that writes down its arguments, a line for each run, and how many runs there were. */
function noting() {
  const log = join(scratchFolder(), 'log')
  const script = textFile(
    'note.mjs',
    `import { appendFileSync } from 'node:fs'
appendFileSync(${JSON.stringify(log)}, JSON.stringify(process.argv.slice(2)) + '\\n')`,
  )
  const lines = (): string[][] =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line))
      : []
  return { command: `${process.execPath} ${script}`, lines }
}

/** What the command line says on stderr, without the words beside it. */
const said = (stderr: string) => stderr.replace(/^(SIMULATED: .*|Running: .*|Warming up: .*)\n/gm, '')

describe.concurrent('llem exec --runs', () => {
  it('says how much more one command uses, in a table and a sentence, on stdout', async () => {
    const { code, stdout, stderr } = await repeated('--runs', '4', '--', 'sleep 0.5', 'sleep 0.75')
    expect({ code, said: said(stderr) }).toEqual({ code: 0, said: '' })
    expect(stderr).toMatch(/^SIMULATED: /m)
    expect(stdout).toMatch(/^sleep 0\.5 +4 +1\d\d(\.\d+)? J .* +0\.[56]\d* s .*$/m)
    expect(stdout).toMatch(/^sleep 0\.75 +4 +2\d\d(\.\d+)? J .* +0\.[78]\d* s .* +\+\d\d/m)
    expect(stdout).toMatch(
      /^sleep 0\.75 uses \d\d(\.\d+)? % more energy than sleep 0\.5(, which .*)? \(95 % CI .*, paired by round, n = 4\)\.$/m,
    )
    // What all runs have to say is said once.
    expect(stdout.match(/short_measurement_duration/g)).toHaveLength(1)
    expect(stdout).toMatch(/short_measurement_duration: .* \(8 of 8 runs\)$/m)
  })

  atNight('runs rounds in changing order, after rounds that warm up and are not measured', async () => {
    const { command, lines } = noting()
    const { code, stdout } = await repeated(
      ...['--runs', '6', '--warmup', '2', '--json', '-q'],
      ...['--', `${command} a`, `${command} b`, `${command} c`],
    )
    expect(code).toBe(0)
    const { order, results, runs, warmup, seed } = JSON.parse(stdout)
    expect({ runs, warmup, seed }).toEqual({ runs: 6, warmup: 2, seed: 42 })
    const names = lines().map(([name]) => name)
    expect(names).toHaveLength(3 * 8)
    expect(names.slice(6)).toEqual(order.flat().map((place: number) => ['a', 'b', 'c'][place]))
    for (let round = 0; round < 8; round++)
      expect(names.slice(3 * round, 3 * round + 3).sort()).toEqual(['a', 'b', 'c'])
    expect(new Set(order.map(String)).size).toBe(6)
    expect(results.map(({ times }: { times: number[] }) => times.length)).toEqual([6, 6, 6])
  })

  it('keeps one sampler over all runs, whose joules are those of each run', async () => {
    const { stdout } = await repeated('--runs', '3', '--json', '-q', '--', 'sleep 0.5')
    const { results, comparison, comparison_reason } = JSON.parse(stdout)
    const [{ times, energies_j, energy_uncertainties_j, energy_mean_j, power_mean_w }] = results
    for (const [place, energy] of energies_j.entries()) {
      const beyond = energy - POWER_W * times[place]
      expect(beyond).toBeGreaterThan(-energy_uncertainties_j[place])
      // The window is a little longer than the command: by how much, the machine's other work decides.
      expect(beyond).toBeLessThan(energy_uncertainties_j[place] + POWER_W * 0.1)
    }
    expect(energy_mean_j).toBeCloseTo(energies_j.reduce((sum: number, each: number) => sum + each, 0) / 3, 9)
    expect(Math.abs(power_mean_w - POWER_W)).toBeLessThan(5)
    expect({ comparison, comparison_reason }).toEqual({
      comparison: null,
      comparison_reason: 'there is one command only',
    })
  })

  atNight('counts the CPU time of a command, and of no other', async () => {
    const burn = `${process.execPath} -e "for (const end = Date.now() + 400; Date.now() < end; );"`
    const { stdout } = await repeated('--runs', '2', '--json', '-q', '--', burn, 'sleep 0.4')
    const [busy, idle] = JSON.parse(stdout).results
    expect(busy.user + busy.system).toBeGreaterThan(0.15)
    expect(busy.user + busy.system).toBeLessThan(busy.mean + 0.3)
    expect(idle.user + idle.system).toBeLessThan(0.05)
  })

  it('discards what commands print, and shows it on stderr with --show-output', async () => {
    const line = `sh -c 'echo out; echo err >&2'`
    const hidden = await repeated('--runs', '1', '--json', '--', line)
    expect(said(hidden.stderr)).toBe('')
    const shown = await repeated('--runs', '1', '--show-output', '--json', '--', line)
    expect(said(shown.stderr)).toBe('out\nerr\n')
    expect(JSON.parse(shown.stdout).kind).toBe('exec_runs')
  })

  it('prints nothing with -q', async () => {
    expect(await repeated('-q', '--runs', '1', '--', 'true')).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
  })

  it('says once which commands were too short to have joules, and compares their time', async () => {
    const { code, stdout } = await repeated('--runs', '2', '--', 'sleep 0.1', 'sleep 0.6')
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^Without energy: 2 of 2 runs of sleep 0\.1: the window of \d+ ms is shorter than /m,
    )
    expect(stdout).toMatch(/^sleep 0\.6 takes \d+(\.\d+)? % more time than sleep 0\.1[, ]/m)
  })

  it('runs and times commands where nothing can be measured, unless that is asked for', async () => {
    const env = { LLEM_NVML_LIBRARY: '/nowhere/libnvidia-ml.so.1' }
    const { code, stdout, stderr } = await llem(['exec', '--runs', '2', '--', 'sleep 0.1'], { env })
    expect(code).toBe(0)
    expect(stderr).toMatch(/^Energy: unknown\. The NVIDIA management library could not be loaded/m)
    expect(stdout).toMatch(/^sleep 0\.1 +2 +- +0\.1\d* s/m)
    const asked = await llem(['exec', '--require-energy', '--runs', '2', '--', 'true'], { env })
    expect([asked.code, asked.stdout]).toEqual([1, ''])
    const short = await repeated('--require-energy', '-q', '--runs', '1', '--', 'true')
    expect([short.code, short.stderr]).toEqual([1, expect.stringContaining('[ENERGY_LOST]')])
  })
})

describe.concurrent('a command line', () => {
  it('is split without a shell, and parameters go inside of its arguments', async () => {
    const { command, lines } = noting()
    const line = `${command} --text={text} 'a  b' {n}`
    const { code, stdout } = await repeated(
      ...['--runs', '1', '--json', '-q', '-L', 'text', `x y,$HOME;'"`, '-L', 'n', '-1,2', '--', line],
    )
    expect(code).toBe(0)
    const expected = ['x y', `$HOME;'"`].flatMap((text) =>
      ['-1', '2'].map((n) => [`--text=${text}`, 'a  b', n]),
    )
    expect(lines().sort()).toEqual([...expected].sort())
    const { results } = JSON.parse(stdout)
    expect(results.map(({ parameters }: { parameters: object }) => parameters)).toEqual([
      ...[
        { n: '-1', text: 'x y' },
        { n: '2', text: 'x y' },
      ],
      ...[
        { n: '-1', text: `$HOME;'"` },
        { n: '2', text: `$HOME;'"` },
      ],
    ])
  })

  it('is read by a shell with --shell', async () => {
    const out = join(scratchFolder(), 'out')
    const line = `printf '%s\\n' "{n}$((1 + 1))" | sed s/^/x/ >> ${out}`
    const { code } = await repeated('-q', '--runs', '1', '-L', 'n', '1,2', '--shell', 'bash', '--', line)
    expect(code).toBe(0)
    expect(readFileSync(out, 'utf8').split('\n').sort()).toEqual(['', 'x12', 'x22'])
    expect((await repeated('-q', '--runs', '1', '--shell', '--', `true && echo a >> ${out}`)).code).toBe(0)
    expect(readFileSync(out, 'utf8')).toMatch(/a\n$/)
  })

  it('is called by its name, and by the parameters that are not in it', async () => {
    const { stdout } = await repeated(
      ...['--runs', '1', '--json', '-q', '-L', 'n', '1,2', '-n', 'nap', '-n', 'rest {n}'],
      ...['--', 'sleep 0.{n}', 'sleep 0.{n}'],
    )
    const names = JSON.parse(stdout).results.map(({ command }: { command: string }) => command)
    expect(names).toEqual(['nap (n = 1)', 'nap (n = 2)', 'rest 1', 'rest 2'])
  })

  it('may be given twice: how far does it differ from itself?', async () => {
    const { stdout } = await repeated('--runs', '2', '--', 'sleep 0.5', 'sleep 0.5')
    expect(stdout).toMatch(/^sleep 0\.5 \(2\) uses .* energy than sleep 0\.5/m)
  })
})

describe.concurrent('what is typed wrongly', () => {
  it('is told all at once, and nothing runs', async () => {
    const { command, lines } = noting()
    const folder = scratchFolder()
    const { code, stdout, stderr } = await repeated(
      ...[
        '--runs',
        '2',
        '--full-rate',
        '-L',
        'a',
        '1,2',
        '-L',
        'b',
        '--export-csv',
        join(folder, 'no', 'x.csv'),
      ],
      ...['--export-json', folder, '-p', 'x', '-p', 'y', '--setup', 'make && make install'],
      ...['--', command, 'echo $HOME', `echo 'a`],
    )
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^llem: 9 problems:$/m)
    for (const problem of [
      '--full-rate has no folder',
      `--export-json ${folder}: it is a folder`,
      `there is no folder ${join(folder, 'no')}`,
      '-L b has no values',
      '-L a is in no command line',
      '--prepare is given 2 times for 3 command lines',
      'command "echo $HOME": $ is for a shell to read: add --shell',
      'command "echo \'a": a quote is not closed',
      '--setup "make && make install": && is for a shell to read',
    ])
      expect(stderr).toContain(problem)
    expect(lines()).toEqual([])
  })

  it('is a command without --runs that was given its options, all of which are named', async () => {
    const { code, stderr } = await repeated('--warmup', '2', '-L', 'a', '1', '-i', '--', 'sleep', '1')
    expect(code).toBe(2)
    expect(stderr).toMatch(/^llem: --warmup, -L, --ignore-failure need --runs\. .*--runs 10.* \[USAGE\]\n$/)
  })

  it('is a command with its arguments, as one types it without --runs', async () => {
    const { code, stderr } = await repeated('--runs', '2', '--', 'sleep', '1')
    expect(code).toBe(2)
    expect(stderr).toContain(
      'command "1": there is no such program; with --runs a command line is one argument',
    )
    expect(stderr).toContain('as in "sleep 1"')
  })

  it.for(['0', '1.5', '1001', 'ten'])('is --runs %s', async (runs) => {
    const { code, stderr } = await repeated('--runs', runs, '--', 'true')
    expect([code, stderr]).toEqual([2, expect.stringContaining('It must be a whole number from 1 to 1000.')])
  })
})

describe.concurrent('a command that fails', () => {
  /** Succeeds twice, then fails with words. */
  const failing = () => {
    const count = join(scratchFolder(), 'count')
    return `sh -c 'echo x >> ${count}; sleep 0.5; test $(wc -l < ${count}) -le 2 || { echo "disk on fire" >&2; exit 3; }'`
  }

  it('ends it with its words; what was measured is kept, told and exported', async () => {
    const folder = scratchFolder()
    const output = join(folder, 'results')
    const csv = join(folder, 'runs.csv')
    const { code, stdout, stderr } = await repeated(
      ...['--runs', '5', '-o', output, '--export-csv', csv, '--cleanup', `touch ${folder}/cleaned`],
      ...['--', failing(), 'sleep 0.5'],
    )
    expect(code).toBe(1)
    expect(existsSync(join(folder, 'cleaned'))).toBe(true)
    expect(said(stderr)).toMatch(
      /^llem: sh -c .* in round 3, failed with exit code 3:\ndisk on fire\n.*--ignore-failure.* \[COMMAND_FAILED\]\n$/,
    )
    expect(stdout).toMatch(/^sh -c .* +2 +1\d\d/m)
    expect(readFileSync(csv, 'utf8')).toMatch(/^sleep 0\.5,0\.5/m)
    const [run = ''] = readdirSync(output)
    const [failed = ''] = readdirSync(join(output, run, 'failed'))
    expect(failed).toMatch(/^1-.*-round-3$/)
    const { failure, results } = JSON.parse(readFileSync(join(output, run, 'exec-runs.json'), 'utf8'))
    expect(failure).toMatchObject({ code: 'COMMAND_FAILED', stage: 'run', round: 3, exit_code: 3 })
    expect(results[0].rounds).toEqual([1, 2])
    // Only what is a repetition lies beside the others.
    const [command = ''] = readdirSync(join(output, run)).filter((name) => name.startsWith('1-'))
    expect(readdirSync(join(output, run, command)).sort()).toEqual(['round-1', 'round-2'])
  })

  it('costs nothing of what was measured where a run cannot be written, and tidies up', async () => {
    const folder = scratchFolder()
    const output = join(folder, 'results')
    const cleaned = join(folder, 'cleaned')
    const { code, stdout, stderr } = await repeated(
      ...['--runs', '4', '-o', output, '-n', 'x', '--cleanup', `touch ${cleaned}`, '--json', '-q'],
      ...['--', `sh -c 'sleep 0.4; rm -rf ${output}/*/1-x/round-3'`],
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(/\[RESULT_NOT_WRITTEN\]$/m)
    const { failure, results } = JSON.parse(stdout)
    expect(failure.code).toBe('RESULT_NOT_WRITTEN')
    expect(results[0]).toMatchObject({
      rounds: [1, 2, 3],
      energies_j: [expect.any(Number), expect.any(Number), expect.any(Number)],
      result_dirs: [expect.any(String), expect.any(String), null],
    })
    expect(existsSync(cleaned)).toBe(true)
  })

  it('is counted with --ignore-failure, and told', async () => {
    const { code, stdout } = await repeated('--runs', '3', '-i', '--json', '-q', '--', failing())
    expect(code).toBe(0)
    expect(JSON.parse(stdout).results[0].exit_codes).toEqual([0, 0, 3])
    const shown = await repeated('--runs', '2', '--ignore-failure', '--', `sh -c 'sleep 0.4; exit 7'`)
    expect(shown.stdout).toMatch(/^Warning: 2 of 2 runs of sh -c .* failed \(exit code 7\) and are counted$/m)
  })

  it('fails while it is warmed up too, and before anything else where it prepares', async () => {
    const warm = await repeated('--runs', '2', '--warmup', '1', '--', 'false')
    expect([warm.code, warm.stdout]).toEqual([1, 'Nothing was measured.\n'])
    expect(said(warm.stderr)).toMatch(/false, while it was warmed up, failed with exit code 1/)
    const prepare = await repeated('--runs', '2', '-i', '-p', 'false', '--', 'true')
    expect([prepare.code, said(prepare.stderr)]).toEqual([
      1,
      expect.stringMatching(/^llem: --prepare false failed with exit code 1/),
    ])
  })

  it('is one that cannot be started, found out before another runs', async () => {
    const { command, lines } = noting()
    const { code, stderr } = await repeated('--runs', '2', '--', command, 'no-such-program a')
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('"no-such-program": there is no such program'),
    ])
    expect(lines()).toEqual([])
    const late = await repeated('--runs', '2', '--setup', 'true', '--', 'no-such-program a')
    expect([late.code, late.stderr]).toEqual([2, expect.stringContaining('[COMMAND_NOT_STARTED]')])
  })
})

describe.concurrent('what is run beside the commands', () => {
  it('is setup and cleanup once, and prepare before each run, warmups too, each with its parameters', async () => {
    const { command, lines } = noting()
    const { code } = await repeated(
      ...['-q', '--runs', '2', '-w', '1', '-L', 'n', '1,2', '--setup', `${command} setup`],
      ...['--cleanup', `${command} cleanup {n}`, '-p', `${command} prepare {n}`, '--', `${command} run {n}`],
    )
    expect(code).toBe(0)
    const all = lines().map((words) => words.join(' '))
    expect(all[0]).toBe('setup')
    expect(all.slice(-2)).toEqual(['cleanup 1', 'cleanup 2'])
    const between = all.slice(1, -2)
    expect(between).toHaveLength(2 * 2 * 3)
    for (let at = 0; at < between.length; at += 2)
      expect(between[at + 1]).toBe(between[at]?.replace('prepare', 'run'))
  })

  it('is not measured', async () => {
    const { stdout } = await repeated('--runs', '2', '--json', '-q', '-p', 'sleep 0.6', '--', 'sleep 0.4')
    const [{ energies_j }] = JSON.parse(stdout).results
    for (const energy of energies_j) expect(energy).toBeLessThan(POWER_W * 0.6)
  })
})

describe.concurrent('Ctrl-C', () => {
  it.for(byDay(1, ['SIGINT', 'SIGTERM'] as const))(
    '%s ends the running command with all that it started, and what was measured is kept and told',
    async (signal) => {
      const folder = scratchFolder()
      const pids = join(folder, 'pids')
      mkdirSync(pids)
      const cleaned = join(folder, 'cleaned')
      // The third one takes its time, and starts a child of its own.
      const slow = textFile(
        'slow.sh',
        `sleep 0.5
if [ $(ls ${pids} | wc -l) -ge 1 ]; then sleep 600 & touch ${pids}/$! ${pids}/$$; wait; fi
touch ${pids}/$$\n`,
      )
      const { child, ended } = startLlem([
        ...['exec', '--simulate', scenario, '--runs', '10', '-o', folder, '--json'],
        ...['--export-json', join(folder, 'runs.json'), '--cleanup', `touch ${cleaned}`],
        ...['--', `sh ${slow}`],
      ])
      expect(await within(30_000, () => readdirSync(pids).length >= 3)).toBe(true)
      child.kill(signal)
      const { code, stdout, stderr } = await ended
      expect(code).toBe(130)
      expect(stderr).toContain(`${signal}: ending cleanly and keeping what was measured`)
      for (const pid of readdirSync(pids)) expect(await endsWithin(Number(pid), 1000)).toBe(true)
      const summary = JSON.parse(stdout)
      expect(summary).toMatchObject({ interrupted: true, failure: null })
      expect(summary.results[0].rounds).toEqual([1])
      expect(JSON.parse(readFileSync(join(folder, 'runs.json'), 'utf8'))).toEqual(summary)
      expect(existsSync(cleaned)).toBe(true)
      const [command = ''] = readdirSync(summary.result_dir).filter((name) => name.startsWith('1-'))
      expect(readdirSync(join(summary.result_dir, command))).toEqual(['round-01'])
      expect(readdirSync(summary.result_dir).sort()).toEqual([command, 'exec-runs.json'].sort())
    },
  )
})

it('a run in which llem was suspended is set aside, told and measured again', async () => {
  const folder = scratchFolder()
  const begun = join(folder, 'begun')
  const { child, ended } = startLlem([
    ...['exec', '--simulate', scenario, '--runs', '2', '-o', folder, '--json'],
    ...['--', `sh ${textFile('slow.sh', `touch ${begun}\nsleep 1\n`)}`],
  ])
  expect(await within(30_000, () => existsSync(begun))).toBe(true)
  child.kill('SIGSTOP')
  // What makes it a pause is that time goes by.
  await sleep(1500)
  child.kill('SIGCONT')
  const { code, stdout, stderr } = await ended
  expect(code).toBe(0)
  expect(stderr).toMatch(/^Round 1, sh .*: llem was suspended while it measured, so it is measured again\.$/m)
  const { results, findings, result_dir } = JSON.parse(stdout)
  expect(results[0]).toMatchObject({ rounds: [1, 2], exit_codes: [0, 0] })
  expect(findings.map((finding: { code: string }) => finding.code)).not.toContain('measurement_suspended')
  const [aside = '', ...more] = readdirSync(join(result_dir, 'failed'))
  expect(more).toEqual([])
  const { findings: told } = JSON.parse(
    readFileSync(join(result_dir, 'failed', aside, 'result.json'), 'utf8'),
  )
  expect(told).toContainEqual(expect.objectContaining({ code: 'measurement_suspended' }))
})

describe.concurrent('the exports', () => {
  it('have what is read of hyperfine’s, by the names that it has, and joules beside it', async () => {
    const folder = scratchFolder()
    const at = (name: string) => join(folder, name)
    const formula = '=1+1|x'
    const { code, stdout } = await repeated(
      ...['--runs', '3', '--json', '-q', '-L', 'n', '5,9', '-n', `${formula} {n}`],
      ...['--export-json', at('a.json'), '--export-csv', at('a.csv'), '--export-markdown', at('a.md')],
      ...['--', 'sleep 0.{n}'],
    )
    expect(code).toBe(0)
    const { results } = JSON.parse(readFileSync(at('a.json'), 'utf8'))
    expect({ ...JSON.parse(stdout) }).toEqual(JSON.parse(readFileSync(at('a.json'), 'utf8')))
    for (const [place, result] of results.entries()) {
      expect(result).toMatchObject({
        command: `${formula} ${[5, 9][place]}`,
        ...{ mean: expect.any(Number), stddev: expect.any(Number), median: expect.any(Number) },
        ...{ user: expect.any(Number), system: expect.any(Number) },
        ...{ min: Math.min(...result.times), max: Math.max(...result.times) },
        ...{ exit_codes: [0, 0, 0], parameters: { n: String([5, 9][place]) } },
      })
      expect(result.times).toHaveLength(3)
      expect(result.mean).toBeCloseTo(result.times.reduce((a: number, b: number) => a + b, 0) / 3, 12)
    }
    // As hyperfine's own scripts read it, and Python's csv.
    const python = `
import csv, json, statistics, sys
results = json.load(open(sys.argv[1] + "/a.json"))["results"]
rows = list(csv.DictReader(open(sys.argv[1] + "/a.csv", newline="")))
labels = [b["command"] for b in results]
spread = [statistics.stdev(b["times"]) - b["stddev"] for b in results]
energy = [statistics.stdev(b["energies_j"]) - b["energy_stddev_j"] for b in results]
print(json.dumps([labels, spread, energy, list(rows[0]), rows]))`
    const [labels, spread, energy, columns, rows] = JSON.parse(
      execFileSync('python3', ['-c', python, folder], { encoding: 'utf8' }),
    )
    expect(labels).toEqual([`${formula} 5`, `${formula} 9`])
    for (const difference of [...spread, ...energy]) expect(Math.abs(difference)).toBeLessThan(1e-9)
    expect(columns.slice(0, 8)).toEqual([
      'command',
      'mean',
      'stddev',
      'median',
      'user',
      'system',
      'min',
      'max',
    ])
    expect(columns.at(-1)).toBe('parameter_n')
    for (const [place, row] of rows.entries()) {
      // A spreadsheet would compute it.
      expect(row.command).toBe(`'${formula} ${[5, 9][place]}`)
      for (const name of ['mean', 'max', 'energy_mean_j', 'energy_stddev_j', 'power_mean_w'])
        expect(Number(row[name])).toBe(results[place][name])
    }
    const table = readFileSync(at('a.md'), 'utf8')
    expect(table).toMatch(/^> SIMULATED/)
    const lines = table.split('\n').filter((line) => line.startsWith('|'))
    expect(lines[0]).toMatch(
      /^\| Command \| Mean \[ms\] \| Min \[ms\] \| Max \[ms\] \| Relative \| Mean \[J\] /,
    )
    // A name makes no cell of its own.
    for (const line of lines) expect(line.match(/\|/g)).toHaveLength(10)
    expect(table).toMatch(/uses .* more energy than/)
  })

  it('are not touched where nothing was measured', async () => {
    const path = textFile('runs.csv', 'of last time\n')
    expect((await repeated('-q', '--runs', '1', '--export-csv', path, '--', 'false')).code).toBe(1)
    expect(readFileSync(path, 'utf8')).toBe('of last time\n')
  })
})

describe.concurrent('-o', () => {
  atNight('keeps each run as llem exec does, so that verify, compare and show work on them', async () => {
    const output = scratchFolder()
    const { code, stdout } = await repeated(
      ...['--runs', '3', '--json', '-q', '-o', output, '--', 'sleep 0.5', 'sleep 0.7'],
    )
    expect(code).toBe(0)
    const { results, result_dir, comparison } = JSON.parse(stdout)
    expect(dirname(result_dir)).toBe(output)
    const [a, b] = ['1-sleep-0.5', '2-sleep-0.7'].map((name) => join(result_dir, name)) as [string, string]
    expect(results[1].result_dirs).toEqual([1, 2, 3].map((round) => join(b, `round-${round}`)))
    for (const dir of [...results[0].result_dirs, ...results[1].result_dirs]) {
      expect(readdirSync(dir).sort()).toEqual(['result.json', 'samples.parquet', 'timeseries.parquet'])
      expect((await llem(['verify', dir])).code).toBe(0)
    }
    const shown = await llem(['show', results[0].result_dirs[0]])
    expect([shown.code, shown.stdout + shown.stderr]).toEqual([0, expect.stringContaining('GPU 0')])
    // Two folders of one call are paired by its rounds.
    const compared = JSON.parse((await llem(['compare', a, b, '--json'])).stdout)
    const ratioIn = ({ pairs }: { pairs: { metrics: { metric: string; ratio: object }[] }[] }) =>
      pairs[0]?.metrics.find(({ metric }) => metric === 'energy_j')?.ratio
    expect(compared.pairs[0].paired).toBe(true)
    expect((await llem(['compare', a, b])).stdout).toContain('paired by round, n = 3')
    expect(ratioIn(compared)).toEqual(ratioIn(comparison))
    const stored = JSON.parse(readFileSync(join(result_dir, 'exec-runs.json'), 'utf8'))
    expect(stored.results[0].result_dirs[0]).toBe(join('1-sleep-0.5', 'round-1'))
    // Without the file that holds them together they are repetitions, not rounds.
    const loose = scratchFolder()
    for (const dir of [...results[0].result_dirs, ...results[1].result_dirs]) {
      const copy = join(loose, dir.slice(result_dir.length + 1))
      mkdirSync(copy, { recursive: true })
      writeFileSync(join(copy, 'result.json'), readFileSync(join(dir, 'result.json')))
    }
    const unpaired = await llem(['compare', join(loose, '1-sleep-0.5'), join(loose, '2-sleep-0.7'), '--json'])
    expect(JSON.parse(unpaired.stdout).pairs[0].paired).toBe(false)
  })

  it('keeps secrets out of all that is written', async () => {
    const output = scratchFolder()
    const secret = 'sk-proj-4Tz8vQ2mX9rLw6Yb1NcDfGhJ'
    const { stdout, stderr } = await repeated(
      ...['--runs', '1', '-o', output, '--export-csv', join(output, 'a.csv')],
      ...['--export-markdown', join(output, 'a.md'), '--', `echo --api-key ${secret}`],
    )
    expect(stdout + stderr).not.toContain(secret)
    const files = readdirSync(output, { recursive: true, encoding: 'utf8' })
    expect(files.length).toBeGreaterThan(5)
    for (const file of files) {
      expect(file).not.toContain(secret)
      if (/\.(json|csv|md)$/.test(file))
        expect(readFileSync(join(output, file), 'utf8')).not.toContain(secret)
    }
  })
})
