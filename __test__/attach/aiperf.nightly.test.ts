// The real AIPerf of PyPI, against the real llama-server, under `llem attach`: 740 MB and a minute to install, so at night.

import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { BUILD_TIMEOUT_MS, llamaServer, startLlamaServer } from '../backends/llama-server.js'
import { scratchFolder, tinyModel } from '../backends/tiny-model.js'
import { execOver } from '../native/llem.js'
import { attached, constant, only, WATTS } from './attached.js'

const run = promisify(execFile)
const VERSION = '0.13.0'
const venv = fileURLToPath(new URL(`../../.cache/test/aiperf-${VERSION}`, import.meta.url))

/** Where it is, or why it cannot be had. */
async function aiperf(): Promise<{ path: string; reason: null } | { path: null; reason: string }> {
  const path = join(venv, 'bin/aiperf')
  if (existsSync(path)) return { path, reason: null }
  const asks = 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11) or sys.version_info >= (3, 14))'
  const python = ['python3', 'python3.12', 'python3.11'].find(
    (each) => spawnSync(each, ['-c', asks]).status === 0,
  )
  if (python === undefined) return { path: null, reason: 'AIPerf needs Python 3.11 to 3.13' }
  await run(python, ['-m', 'venv', venv])
  await run(join(venv, 'bin/pip'), ['install', '--quiet', `aiperf==${VERSION}`], { maxBuffer: 1 << 26 })
  return { path, reason: null }
}

/** A tokenizer of bytes, as GPT-2 writes them: AIPerf's own one is fetched from the network. */
function byteTokenizer(): string {
  const folder = join(scratchFolder(), 'tokenizer')
  mkdirSync(folder)
  const isShown = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173)
  let hidden = 0
  const vocab = Object.fromEntries(
    Array.from({ length: 256 }, (_, byte) => [
      String.fromCharCode(isShown(byte) ? byte : 256 + hidden++),
      byte,
    ]),
  )
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const end = {
    id: 256,
    content: '</s>',
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
  }
  const tokenizer = {
    ...{ version: '1.0', truncation: null, padding: null, added_tokens: [{ ...end, special: true }] },
    ...{ normalizer: null, pre_tokenizer: byteLevel, post_processor: null, decoder: byteLevel },
    model: { type: 'BPE', vocab: { ...vocab, '</s>': 256 }, merges: [] },
  }
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(tokenizer))
  const config = { tokenizer_class: 'PreTrainedTokenizerFast', eos_token: '</s>', pad_token: '</s>' }
  writeFileSync(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
  return folder
}

it('keeps its tokens, and costs what llem exec tells of it', {
  timeout: BUILD_TIMEOUT_MS + 900_000,
}, async (context) => {
  const [server, client] = [await llamaServer(), await aiperf()]
  if (server.path === null || client.path === null) return context.skip(server.reason ?? client.reason ?? '')
  const folder = scratchFolder()
  const running = await startLlamaServer(server.path, tinyModel(folder, 'tiny'))
  try {
    const command = [
      ...[client.path, 'profile', '-m', 'tiny', '--url', running.baseUrl, '--endpoint-type', 'completions'],
      ...['--streaming', '--concurrency', '2', '--request-count', '24', '--isl', '32', '--osl', '256'],
      ...['--tokenizer', byteTokenizer(), '--use-server-token-count', '--ui-type', 'simple'],
      ...['--extra-inputs', 'ignore_eos:true'],
    ]
    const cwd = join(folder, 'work')
    mkdirSync(cwd)
    const { code, result } = await attached(command, { cwd })
    expect(code).toBe(0)
    const place = join(
      cwd,
      'artifacts',
      only(readdirSync(join(cwd, 'artifacts')).filter((name) => name !== 'logs')),
    )
    const own = JSON.parse(readFileSync(join(place, 'profile_export_aiperf.json'), 'utf8'))
    const { attached: seen } = result
    expect(seen).toMatchObject({ tool: 'aiperf', tool_version: VERSION, clock: 'wall', problems: [] })
    const benchmark = only(seen.benchmarks)
    expect(benchmark).toMatchObject({
      ...{
        requests: own.request_count.avg,
        input_tokens: own.total_isl.avg,
        output_tokens: own.total_osl.avg,
      },
      ...{ requests: 24, output_tokens: 24 * 256 },
    })
    // On a GPU of constant power the joules are its seconds, by AIPerf's own clock.
    expect(Math.abs((benchmark.energy_j ?? 0) / (WATTS * own.benchmark_duration.avg) - 1)).toBeLessThan(0.01)
    expect(seen.request_energy).toMatchObject({ requests: 24 })
    // AIPerf again under exec: it takes another time, at the same power.
    const again = join(folder, 'again')
    const plain = await execOver(constant, [...command, '--artifact-dir', again])
    expect(existsSync(again)).toBe(true)
    const power = (energy: { total_j: number | null; duration_sec: number } | null) =>
      (energy?.total_j ?? Number.NaN) / (energy?.duration_sec ?? Number.NaN)
    expect(Math.abs(power(result.energy) / power(plain.energy) - 1)).toBeLessThan(0.01)
  } finally {
    await running.end()
  }
})
