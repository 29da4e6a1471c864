// npm run test:nightly [-- SHARD...]: what takes too long for every push, in shards of an hour at most, each by its own command.
// Without names: all of them, one after the other. --list: their names. A shard whose tools are missing is left out and told; with
// CI=true that is a failure.
import { spawn, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const LIMIT_MS = 60 * 60_000
const root = fileURLToPath(new URL('..', import.meta.url))
const node = process.execPath
const vitest = 'node_modules/.bin/vitest'

/** As many shards of a command as it takes. */
const split = (name, count, command) =>
  Array.from({ length: count }, (_, index) => [`${name}-${index + 1}`, command(index + 1, count)])
const sensors = ['run', '--release', '-p', 'llem-meter', '--features', 'replay', '--example', 'sensors', '--']

/** The files whose tests are many more at night (`__test__/setup/at-night.ts`), and those whose tests are only there then. */
const longFiles = () => [
  ...readdirSync(join(root, '__test__'), { recursive: true })
    .map((name) => join('__test__', name))
    .filter(
      (path) =>
        path.endsWith('.test.ts') && readFileSync(join(root, path), 'utf8').includes('setup/at-night'),
    ),
  '__test__/backends/litellm.nightly.test.ts',
  '__test__/house/bench-gpu.nightly.test.ts',
  '__test__/native/memory-timing.nightly.test.ts',
]

const SHARDS = Object.fromEntries([
  ...split('long', 2, (shard, of) => ({
    command: [vitest, 'run', `--shard=${shard}/${of}`, ...longFiles()],
    env: { LLEM_TEST_NIGHTLY: '1' },
  })),
  ...split('faults', 6, (shard, of) => ({
    command: [node, 'scripts/faults.mjs', '--faults', 'all', '--kills', '0', '--shard', `${shard}/${of}`],
  })),
  ...split('kills', 2, (shard) => ({
    command: [node, 'scripts/faults.mjs', '--faults', '0', '--kills', '150', '--seed', `${shard}`],
  })),
  ...['rust', 'typescript'].map((language) => [
    `fuzz-${language}`,
    { command: [node, 'scripts/fuzz.mjs', '1000000', language] },
  ]),
  ...split('canaries', 4, (shard, of) => ({
    command: [vitest, 'run', `--shard=${shard}/${of}`],
    env: { LLEM_TEST_CANARIES: '1' },
  })),
  // The estimator: a million boards made by dice, and the whole table.
  ...split('sensors', 4, (shard) => ({
    command: ['cargo', ...sensors, '--fuzz', '250000', '--seed', `${shard}00000000`],
  })),
  ['sensors-table', { command: ['cargo', ...sensors, '--windows', '200'] }],
  // A hundred runs on eight nodes of a real Slurm, its controller killed, its accounting asked.
  [
    'slurm',
    {
      command: [
        vitest,
        'run',
        ...['nodes', 'controller', 'accounts', 'suspended'].map((name) => `__test__/slurm/${name}`),
      ],
      env: { LLEM_TEST_SLURM_CYCLES: '50', LLEM_TEST_NIGHTLY: '1' },
      needs: ['slurmctld', '-V'],
    },
  ],
  // All tools of the bench, in its quick form.
  [
    'bench',
    { command: [vitest, 'run', '__test__/house/bench.nightly.test.ts'], env: { LLEM_TEST_NIGHTLY: '1' } },
  ],
  // The real AIPerf under `llem attach`, and the image of a container on a real Debian.
  [
    'attach',
    { command: [vitest, 'run', '__test__/attach/aiperf.nightly.test.ts'], env: { LLEM_TEST_NIGHTLY: '1' } },
  ],
  [
    'image',
    { command: [vitest, 'run', '__test__/docker/image.nightly.test.ts'], env: { LLEM_TEST_NIGHTLY: '1' } },
  ],
  ['mutation', { command: [node, 'scripts/mutation.mjs'] }],
  ['coverage', { command: ['npm', 'run', 'coverage'] }],
  [
    'coverage-rust',
    {
      command: ['cargo', 'llvm-cov', '--locked', '-p', 'llem-meter', '--lib'],
      needs: ['cargo', 'llvm-cov', '--version'],
    },
  ],
  // Every order in which the sampler's threads may meet.
  [
    'loom',
    {
      command: [
        'cargo',
        'test',
        '--release',
        '-p',
        'llem-meter',
        '--lib',
        '--features',
        'loom',
        'loom_tests',
      ],
    },
  ],
  // Two nodes whose clocks drift apart for minutes, as they do for seconds in `npm test`.
  ['nodes', { command: [vitest, 'run', '__test__/nodes'], env: { LLEM_TEST_NODES_SECONDS: '280' } }],
  // Undefined behaviour in what is arithmetic: Miri knows neither dlopen nor the clock that the sampler needs.
  [
    'miri',
    {
      command: [
        ...['cargo', '+nightly', 'miri', 'test', '-p', 'llem-meter', '--lib', '--'],
        ...['energy::', 'segment::', 'downsample::', '--skip', 'replay'],
      ],
      needs: ['cargo', '+nightly', 'miri', '--version'],
    },
  ],
  // Races between the sampler's threads.
  [
    'threads',
    {
      command: [
        ...['cargo', '+nightly', 'test', '-Zbuild-std', '--target', 'x86_64-unknown-linux-gnu'],
        ...['-p', 'llem-meter', '--lib', '--', 'sampler::', 'window::', 'verify::'],
      ],
      env: { RUSTFLAGS: '-Zsanitizer=thread', RUSTDOCFLAGS: '-Zsanitizer=thread' },
      needs: ['cargo', '+nightly', '--version'],
    },
  ],
])

/** Resolves with how a shard ended: "passed", or why not. */
function ended({ command: [program, ...args], env = {}, needs }) {
  if (needs !== undefined && spawnSync(needs[0], needs.slice(1)).status !== 0)
    return Promise.resolve(`left out: ${needs.join(' ')} does not work here`)
  // A group of its own, so that all that a shard has started ends with it.
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: 'inherit',
    detached: true,
  })
  const end = (signal) => process.kill(-child.pid, signal)
  const stop = () => end('SIGTERM')
  process.once('SIGINT', stop).once('SIGTERM', stop)
  return new Promise((resolve) => {
    let why = null
    const timer = setTimeout(() => {
      why = 'failed: it took more than an hour'
      end('SIGKILL')
    }, LIMIT_MS)
    const settle = (how) => {
      clearTimeout(timer)
      process.off('SIGINT', stop).off('SIGTERM', stop)
      resolve(why ?? how)
    }
    child.on('error', (error) => settle(`failed: ${error.message}`))
    child.on('exit', (code, signal) =>
      settle(code === 0 ? 'passed' : `failed: ${signal ?? `exit code ${code}`}`),
    )
  })
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { list: { type: 'boolean', default: false } },
})
const unknown = positionals.filter((name) => !Object.hasOwn(SHARDS, name))
if (unknown.length > 0) {
  console.error(`There is no shard ${unknown.join(', ')}; there are ${Object.keys(SHARDS).join(', ')}.`)
  process.exit(2)
}
if (values.list) console.log(Object.keys(SHARDS).join('\n'))
else {
  const names = positionals.length > 0 ? positionals : Object.keys(SHARDS)
  const lines = []
  for (const name of names) {
    const startMs = performance.now()
    const how = await ended(SHARDS[name])
    lines.push(`${name}: ${how}, ${((performance.now() - startMs) / 60_000).toFixed(1)} min`)
    console.log(lines.at(-1))
    const isBad = how.startsWith('failed') || (how.startsWith('left out') && process.env.CI === 'true')
    if (isBad) process.exitCode = 1
  }
  if (lines.length > 1) console.log(['', ...lines].join('\n'))
}
