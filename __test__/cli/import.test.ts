import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { scratchFolder } from '../backends/tiny-model.js'
import { llem } from '../native/llem.js'

const files = fileURLToPath(new URL('../import/files/', import.meta.url))
const at = { cwd: files }

describe('llem run', () => {
  it('takes an experiment of the Python tool, says so, and lays flags over it', async () => {
    const { code, stdout, stderr } = await llem(
      ['run', 'v1-quantised.yaml', '-n', '7', '--dry-run', '--json'],
      at,
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout).config).toMatchObject({
      backend: 'pytorch',
      n_prompts: 7,
      pytorch: { quantisation: 'bnb_4bit', dtype: 'float16' },
    })
    expect(stderr.split('\n')).toEqual([
      'Note: v1-quantised.yaml was read as an experiment of the Python tool; `llem import v1-quantised.yaml` writes it in the words of llem.',
      'Note: no counterpart: pytorch.bnb_4bit_use_double_quant (v1-quantised.yaml:10:3): llem quantises once.',
      'Note: no counterpart: pytorch.torch_compile (v1-quantised.yaml:11:3): llem compiles in the default mode (`pytorch.compile: true`).',
      'Note: 6 more keys are not needed; `llem import` has why.',
      '',
    ])
  })

  it('of a study is a campaign, with the same plan as `llem campaign`', async () => {
    const [asRun, asCampaign] = await Promise.all(
      ['run', 'campaign'].map((name) => llem([name, 'v2-sweep.yaml', '--dry-run', '--json'], at)),
    )
    expect(asRun?.code).toBe(0)
    expect(asRun?.stderr).toContain('it is run as a campaign: llem campaign v2-sweep.yaml\n')
    expect(JSON.parse(asRun?.stdout ?? '').experiments).toHaveLength(6)
    expect(asRun?.stdout).toBe(asCampaign?.stdout)
  })

  it('of a study refuses what is for one experiment', async () => {
    const { code, stderr } = await llem(['run', 'v2-sweep.yaml', '-n', '5', '--set', 'a=1', '--dry-run'], at)
    expect(code).toBe(2)
    expect(stderr).toContain(
      'v2-sweep.yaml is a study, which is run as a campaign, where -n, --set has no meaning',
    )
  })
})

describe('llem import', () => {
  it('writes a file for each that is sound, tells all problems of the others, and never writes over a file', async () => {
    const dir = join(scratchFolder(), 'out')
    const args = [
      'import',
      'v1-minimal.yaml',
      'v2-typos.yaml',
      'bench-typos.txt',
      'bench-random.sh',
      '-o',
      dir,
    ]
    const first = await llem(args, at)
    expect(first.code).toBe(2)
    expect(readdirSync(dir).sort()).toEqual(['bench-random.yaml', 'v1-minimal.yaml'])
    for (const place of ['v2-typos.yaml:8:1', 'bench-typos.txt:2:28']) expect(first.stderr).toContain(place)
    const [written, again] = await Promise.all([
      llem(['run', join(dir, 'bench-random.yaml'), '--dry-run', '--json']),
      llem(['import', 'v1-minimal.yaml', '-o', dir], at),
    ])
    expect({ code: written.code, stderr: written.stderr }).toEqual({ code: 0, stderr: '' })
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('[FILE_EXISTS]') })
    expect(readFileSync(join(dir, 'v1-minimal.yaml'), 'utf8')).toContain('model: acme/llama-1b\n')
  })

  it('says what to do with a file of llem, with none, and with several without a folder', async () => {
    const cwd = scratchFolder()
    writeFileSync(join(cwd, 'own.yaml'), 'model: m.gguf\n')
    const [own, none, several] = await Promise.all([
      llem(['import', 'own.yaml'], { cwd }),
      llem(['import', 'none.yaml'], { cwd }),
      llem(['import', 'own.yaml', 'none.yaml'], { cwd }),
    ])
    expect(own).toMatchObject({ code: 2, stderr: expect.stringContaining('[NOTHING_TO_IMPORT]') })
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('none.yaml: there is no such file'),
    })
    expect(several).toMatchObject({ code: 2, stderr: expect.stringContaining('-o DIR') })
    expect(existsSync(join(cwd, 'DIR'))).toBe(false)
  })
})
