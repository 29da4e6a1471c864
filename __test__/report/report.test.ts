// What stands in a report, without a browser.

import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { markdownText } from '../../dist/core/markdown.js'
import { decimated, merged } from '../../dist/report/decimate.js'
import { escaped, html, json } from '../../dist/report/markup.js'
import { collect } from '../../dist/report/runs.js'
import { llem } from '../native/llem.js'
import { scratchFolder, textFile } from '../native/scenario.js'
import { placed, written } from '../results/fixtures.js'
import { made } from './made-results.js'

/** Two configurations of three runs each, whose numbers are known. */
function twoConfigurations(): string {
  const folder = scratchFolder()
  for (const [at, joules] of [0.1, 0.2].entries())
    for (const run of [1, 2, 3])
      made(join(folder, `run-${at}-${run}`), {
        name: `configuration ${'AB'[at]}`,
        joulesPerToken: joules * (1 + 0.01 * (run - 2)),
        tokensPerSecond: 1000 * (at + 1),
        startedAt: `2026-11-22T10:0${run}:00.000Z`,
      })
  return folder
}

async function pageOf(folder: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await llem(['report', folder, ...args])
  expect({ code, stderr }).toMatchObject({ code: 0 })
  return stdout
}

const NASTY = '<script>alert(1)</script>'

describe('llem report', () => {
  it('says the least energy first, with its interval, and how far the other is', async () => {
    const text = await pageOf(twoConfigurations(), '--format', 'md')
    // Student's t of the logarithms of 0.099, 0.1 and 0.101: 0.1 times or over exp(4.303 x 0.01 / sqrt(3)).
    expect(text).toContain(
      '**0.1000 J/output token**: Least energy per output token, 1 configuration A. 95 % interval 0.0975 to 0.1026 over 3 runs (Student’s t, of the geometric mean); each run ± 0.00050 (k = 2, on this board).',
    )
    expect(text).toContain(
      '- 1 (configuration A) uses 50.0 % less energy per output token than 2 (configuration B) (95 % CI 48.8 to 51.2 %, unpaired, n = 3 each).',
    )
    expect(text).not.toContain('not shown')
  })

  it('says what `llem compare` says, paired by the cycles of a campaign', async () => {
    const folder = scratchFolder()
    // Both drift alike from cycle to cycle, so that their ratio is known better than either.
    const drift = [0.8, 1, 1.3]
    for (const [at, name] of ['a', 'b'].entries())
      for (const cycle of [1, 2, 3])
        made(join(folder, `runs/${name}/cycle-${cycle}/x`), {
          name: null,
          hash: name,
          joulesPerToken:
            (drift[cycle - 1] ?? 1) * (at === 0 ? 0.1 : 0.12) * (1 + 0.001 * cycle * (at - 0.5)),
        })
    writeFileSync(
      join(folder, 'plan.json'),
      JSON.stringify({
        experiments: ['a', 'b'].map((name) => ({ name, hash: name })),
        execution: { structure: 'interleaved' },
      }),
    )
    expect(await pageOf(folder, '--format', 'md')).toMatch(
      /- 1 \(a\) uses 16\.8 % less energy per output token than 2 \(b\) \(95 % CI 16\.\d to 17\.\d %, paired by cycle, n = 3\)\./,
    )
  })

  it('leaves throttled runs out of its numbers, as a comparison does', async () => {
    const folder = scratchFolder()
    for (const [at, joules] of [0.08, 0.081, 0.12].entries())
      made(join(folder, `run-${at}`), {
        name: 'a',
        joulesPerToken: joules,
        change: ({ thermal_throttle }) => {
          if (thermal_throttle !== null) thermal_throttle.detected = at === 2
        },
      })
    const text = await pageOf(folder, '--format', 'md')
    expect(text).toContain('over 2 runs')
    expect(text).toContain('**0.080 J/output token**')
    expect(text).toContain('they are marked, and in no number where others of their configuration are known')
  })

  it('leaves out a result of a campaign that is another than the one that was written', async () => {
    const folder = scratchFolder()
    for (const cycle of [1, 2]) {
      const dir = join(folder, `runs/a/cycle-${cycle}`)
      made(join(dir, 'x'), { name: null, hash: 'a', joulesPerToken: 0.1 * cycle })
      const sha = createHash('sha256')
        .update(readFileSync(join(dir, 'x/result.json')))
        .digest('hex')
      writeFileSync(
        join(dir, 'run.json'),
        JSON.stringify({
          result_path: `runs/a/cycle-${cycle}/x/result.json`,
          result_sha256: cycle === 1 ? sha : 'other',
        }),
      )
    }
    for (const command of [
      ['report', folder, '--format', 'md'],
      ['export', folder],
    ]) {
      const { code, stdout, stderr } = await llem(command)
      expect(code).toBe(1)
      expect(stderr).toMatch(/is not what was written \(its SHA-256 is another\), and is in no number/)
      expect(stdout).not.toContain('cycle-2')
    }
  })

  it('draws a limit, and says who keeps it', async () => {
    const folder = twoConfigurations()
    const page = await pageOf(folder, '--slo', 'output_tokens_per_second=1500')
    expect(page).toContain('Shown to keep at least 1500 output tokens/s (the dotted line): 2.')
    expect(page.match(/class="limit"/g)).toHaveLength(1)
    expect(await pageOf(folder, '--slo', 'ttft_p50_ms=1')).toContain(
      'None is shown to keep at most 1 ms to the first',
    )
    const { code, stderr } = await llem(['report', folder, '--slo', 'energy_j=3'])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('ttft_p50_ms') })
  })

  it('does not say that two differ whose intervals overlap', async () => {
    const folder = scratchFolder()
    for (const [at, joules] of [0.1, 0.101].entries())
      for (const run of [1, 2, 3])
        made(join(folder, `run-${at}-${run}`), {
          name: 'AB'[at] ?? '',
          joulesPerToken: joules * (1 + 0.01 * (run - 2)),
        })
    expect(await pageOf(folder, '--format', 'md')).toContain(
      '1 (A) uses 1.0 % less energy per output token than 2 (B), which is not shown to be a difference (95 % CI',
    )
  })

  it('writes the same bytes for the same results, wherever they lie', async () => {
    const [first, second] = [twoConfigurations(), twoConfigurations()]
    const pages = [await pageOf(first), await pageOf(first), await pageOf(second)]
    expect(pages[1]).toBe(pages[0])
    expect(pages[2]).toBe(pages[0])
    expect(pages[0]).not.toContain(first)
  })

  it('never pools configurations, boards, or simulated and real runs', async () => {
    const folder = scratchFolder()
    made(join(folder, 'a'), { name: 'same', hash: 'h' })
    made(join(folder, 'b'), { name: 'same', hash: 'h', simulated: true })
    made(join(folder, 'c'), { name: 'same', hash: 'h', uuid: 'GPU-other' })
    made(join(folder, 'd'), { name: 'same', hash: 'other' })
    made(join(folder, 'e'), { name: 'same', hash: 'h' })
    const text = await pageOf(folder, '--format', 'md')
    expect(text).toContain('4 configurations, 5 runs')
    const rows = text.split('\n').filter((line) => /^\| \d/.test(line))
    expect(rows.map((row) => row.split('|')[6]?.trim() ?? '')).toHaveLength(4)
    expect(rows.filter((row) => row.includes('*simulated*'))).toHaveLength(1)
    expect(text).toContain('1 run over a simulated GPU is in no comparison')
    expect(text).toContain('Not the same in all of them: boards')
  })

  it('draws what differs into the names of those that have none', async () => {
    const folder = scratchFolder()
    for (const tokens of [64, 128])
      made(join(folder, `run-${tokens}`), {
        name: null,
        hash: `h${tokens}`,
        change: (result) =>
          (result.effective_config = {
            model: 'm',
            generation: { max_tokens: tokens, top_p: 1 },
            output_dir: `/somewhere/${tokens}`,
          }),
      })
    const text = await pageOf(folder, '--format', 'md')
    expect(text).toContain('model.gguf (llamacpp), generation.max&#95;tokens=64')
    expect(text).not.toContain('somewhere')
  })

  it('takes the names of a campaign', async () => {
    const folder = scratchFolder()
    made(join(folder, 'runs/one/cycle-1/x'), { name: null, hash: 'h1' })
    writeFileSync(
      join(folder, 'plan.json'),
      JSON.stringify({ experiments: [{ name: 'concurrency=8', hash: 'h1' }] }),
    )
    expect(await pageOf(folder, '--format', 'md')).toContain('1 concurrency=8')
  })

  it('sets aside what is damaged, newer or incomplete, tells it, and ends with 1', async () => {
    const folder = twoConfigurations()
    written(join(folder, 'damaged/result.json'), '{"schema_version": "3.0.0", ')
    placed('incomplete', join(folder, 'stopped'))
    const { code, stdout, stderr } = await llem(['report', folder, '--format', 'md'])
    expect(code).toBe(1)
    expect(stderr).toContain('[RESULT_INVALID]')
    expect(stderr).toContain('Report of 2 configurations and 6 runs, 2 left out.')
    expect(stdout).toMatch(/\*\*Left out:\*\*\n\n- damaged: .*\n- stopped: /)
  })

  it('loads nothing native: it works where the addon cannot be loaded', async () => {
    const folder = twoConfigurations()
    const { code } = await llem(['report', folder, '--format', 'md'], {
      env: { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/llem.node' },
    })
    expect(code).toBe(0)
    const { code: other } = await llem(['devices'], {
      env: { NAPI_RS_NATIVE_LIBRARY_PATH: '/nowhere/llem.node' },
    })
    expect(other).not.toBe(0)
  })

  it.for([
    [['--format', 'pdf'], '[FORMAT_UNKNOWN]'],
    [['-o', 'report.pdf'], '[FORMAT_UNKNOWN]'],
    [['--format', 'htm'], 'Did you mean html? [FORMAT_UNKNOWN]'],
    [['--reference-points', '/nowhere.csv'], '[REFERENCE_POINTS_INVALID]'],
  ] as const)('refuses %j', async ([args, ending]) => {
    const { code, stdout, stderr } = await llem(['report', twoConfigurations(), ...args])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr.trimEnd().endsWith(ending)).toBe(true)
  })

  it('finds no result in an empty folder', async () => {
    const folder = scratchFolder()
    mkdirSync(join(folder, 'empty'))
    expect(await llem(['report', join(folder, 'empty')])).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('[RESULT_MISSING]'),
    })
  })
})

describe('reference points', () => {
  it('are read from CSV and JSON, in the words of public tables too', async () => {
    const json = [
      {
        nickname: 'M',
        energy_per_token_joules: 0.25,
        output_throughput_tokens_per_sec: 900,
        median_ttft_ms: 40,
        gpu_model: 'H100',
      },
    ]
    for (const path of [
      textFile('points.json', JSON.stringify(json)),
      textFile(
        'points.csv',
        'name,energy_per_output_token_j,output_tokens_per_s,ttft_p50_ms,source\nM,0.25,900,40,H100\n',
      ),
    ]) {
      const page = await pageOf(twoConfigurations(), '--reference-points', path)
      expect(page.match(/class="point other"/g)).toHaveLength(2)
      expect(page).toContain('M: 0.25 J/output token, 900 output tokens/s; other method, H100')
    }
  })

  it('are refused with all that is wrong with them', async () => {
    const path = textFile(
      'points.csv',
      'name,energy_per_output_token_j,output_tokens_per_s\n,0.25,900\nM,much,900\nN,0.2,-1\nO,0.2,\n',
    )
    const { code, stderr } = await llem(['report', twoConfigurations(), '--reference-points', path])
    expect(code).toBe(2)
    expect(stderr.split('\n').filter((line) => line.startsWith('  '))).toEqual([
      `  ${path}:2: it has no name (or nickname, model_id, model, label)`,
      `  ${path}:3: energy_per_output_token_j is "much"; it must be a number above 0`,
      `  ${path}:4: output_tokens_per_s is "-1"; it must be a number above 0`,
    ])
  })
})

describe('text of others', () => {
  it('is text in a page, also within data', async () => {
    const folder = scratchFolder()
    made(join(folder, 'run'), {
      name: NASTY,
      model: `</title>${NASTY}`,
      seconds: 10,
      change: (result) => (result.effective_config = { model: `</script>${NASTY}` }),
    })
    const page = await pageOf(folder)
    expect(page).not.toContain(NASTY)
    expect(page.match(/<script/g)?.length).toBe(2)
    expect(page).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
  })

  it('is text in Markdown: no cell, link, mention or HTML comes of it', async () => {
    const folder = scratchFolder()
    made(join(folder, 'run'), { name: `a | b [x](http://e.org) @you #1 \`c\` *d*\n# e ${NASTY}` })
    const text = await pageOf(folder, '--format', 'md')
    const [row = ''] = text.split('\n').filter((line) => line.startsWith('| 1 |'))
    expect(row.split('|').length).toBe(
      text
        .split('\n')
        .find((line) => line.startsWith('| # |'))
        ?.split('|').length,
    )
    expect(text).not.toMatch(/<script|\]\(|@you|`c`|\*d\*|http:/)
    expect(text).toContain('&#64;you &#35;1 &#96;c&#96;')
  })

  it('does nothing to a terminal', () => {
    expect(escaped('a\u001b[31mb\u202ec')).toBe('a\\u{1b}[31mb\\u{202e}c')
    expect(markdownText('\u001b]0;title\u0007')).not.toMatch(/\p{Cc}/u)
  })

  it('is escaped in a template, and markup is not', () => {
    expect(html`<p title="${'"&'}">${html`<b>${'<i>'}</b>`}${null}${[1, 'x>']}</p>`.text).toBe(
      '<p title="&quot;&amp;"><b>&lt;i&gt;</b>1x&gt;</p>',
    )
    expect(json({ a: '</script><!--\u2028' }).text).toBe('{"a":"\\u003c/script\\u003e\\u003c!--\\u2028"}')
  })

  it('keeps secrets out', async () => {
    const folder = scratchFolder()
    const token = 'hf_abcdefghijklmnopqrstuvwxyz012345'
    made(join(folder, 'run'), {
      name: `with ${token}`,
      change: (result) => (result.effective_config = { token }),
    })
    expect(await pageOf(folder)).not.toContain(token)
  })
})

describe('long lines', () => {
  const t = Array.from({ length: 86_400 }, (_, s) => s)

  it('keep every spike and dip, whatever they are drawn with', () => {
    for (const spike of [0, 17, 40_000, 86_399]) {
      const v = t.map((s) => (s === spike ? 1000 : s === (spike + 500) % 86_400 ? 1 : 400 + (s % 7)))
      const line = decimated({ t, v }, 600)
      expect(line.t.length).toBeLessThanOrEqual(600)
      expect(Math.max(...(line.v as number[]))).toBe(1000)
      expect(Math.min(...(line.v as number[]))).toBe(1)
      expect(line.v[line.t.indexOf(spike)]).toBe(1000)
      expect([...line.t].sort((a, b) => a - b)).toEqual(line.t)
    }
  })

  it('stay broken where a value is unknown', () => {
    const line = decimated({ t, v: t.map((s) => (s === 50_000 ? null : 400)) }, 600)
    expect(line.v[line.t.indexOf(50_000)]).toBeNull()
  })

  it('are left alone where they are short', () => {
    const short = { t: [0, 1, 2], v: [1, null, 3] }
    expect(decimated(short, 600)).toEqual(short)
  })

  it('lose no stretch by merging', () => {
    const stretches = [
      { from: 0, to: 1 },
      { from: 1.5, to: 2 },
      { from: 90, to: 90.1 },
    ]
    expect(merged(stretches, 1)).toEqual([
      { from: 0, to: 2 },
      { from: 90, to: 90.1 },
    ])
  })

  it('of a run have its spike, its throttling, its gap and its requests in them', async () => {
    const folder = scratchFolder()
    made(join(folder, 'run'), {
      name: 'x',
      seconds: 3600,
      spikeAt: 1234,
      throttledAt: 2000,
      gapAt: 3000,
      requests: 400,
    })
    const { runs } = await collect([folder])
    const series = runs[0]?.series
    expect(Math.max(...(series?.power.v.filter((v) => v !== null) ?? []))).toBe(1000)
    expect(series?.slowed).toEqual([{ from: 2000, to: 2001 }])
    expect(series?.gaps).toEqual([{ from: 3000, to: 3001 }])
    expect(series?.inFlight?.v.at(-1)).toBe(0)
    expect(Math.max(...((series?.inFlight?.v ?? []) as number[]))).toBe(17)
    const page = await pageOf(folder)
    expect(page).toContain('Power from 320 to 1000 W')
    expect(page).toContain('slowed down by heat or the power brake: 1.0 s in 1')
    expect(page).toContain('no readings: 1.0 s in 1')
  })

  it('of a damaged file cost the timeline alone', async () => {
    const folder = scratchFolder()
    const dir = made(join(folder, 'run'), { name: 'x', seconds: 60 })
    writeFileSync(
      join(dir, 'timeseries.parquet'),
      readFileSync(join(dir, 'timeseries.parquet')).subarray(0, 100),
    )
    expect(await pageOf(folder)).toContain('No timeline: its time series cannot be read')
  })
})
