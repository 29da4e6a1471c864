// npm run faults [-- --faults N|all --kills N --shard I/N --seed N]: on the built llem, the file-system calls of each command
// go wrong one by one, then its processes are ended by every kind of signal. Without options: all faults, 200 kills;
// 0 leaves one of the two out. In `npm test` there is a sample of both.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    faults: { type: 'string', default: 'all' },
    kills: { type: 'string', default: '200' },
    shard: { type: 'string', default: '1/1' },
    seed: { type: 'string', default: '13' },
  },
})
const root = fileURLToPath(new URL('..', import.meta.url))
const env = {
  ...process.env,
  LLEM_TEST_FAULTS: values.faults,
  LLEM_TEST_KILLS: values.kills,
  LLEM_TEST_SHARD: values.shard,
  LLEM_TEST_SEED: values.seed,
}
// One after the other: what they do to processes is not to meet the other's.
const files = ['faults', 'kills']
  .filter((name) => values[name] !== '0')
  .map((name) => `__test__/faults/${name}.test.ts`)
if (files.length === 0) process.exit(0)
const args = ['run', ...files, '--no-file-parallelism', '--reporter=verbose']
const { status } = spawnSync('node_modules/.bin/vitest', args, { cwd: root, env, stdio: 'inherit' })
process.exitCode = status ?? 1
