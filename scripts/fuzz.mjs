// npm run fuzz [-- N [rust|typescript]]: N mutants, by default a million in all, for the readers of foreign files and for the
// arithmetic of windows, in Rust and in TypeScript, or of one of them its share. The same in every run. In `npm test` there
// are some thousands.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const all = Number(process.argv[2] ?? 1_000_000)
// Three kinds of files and three tests of windows in Rust; fifteen readers in TypeScript, and tables, of which one in 20 is read.
const KINDS = 6 + 15 + 1 / 20
const env = { ...process.env, LLEM_TEST_FUZZ: String(Math.ceil(all / KINDS)) }
const steps = {
  rust: [
    'cargo',
    'test',
    '--release',
    '--locked',
    '-p',
    'llem-meter',
    '--lib',
    '--',
    'fuzz_tests',
    '--nocapture',
  ],
  typescript: ['node_modules/.bin/vitest', 'run', '__test__/fuzz', '--reporter=verbose', '--retry=0'],
}
const only = process.argv[3]
const chosen = only === undefined ? Object.values(steps) : [steps[only]]
const failed = chosen.filter(([command, ...args]) => {
  return spawnSync(command, args, { cwd: root, env, stdio: 'inherit' }).status !== 0
})
process.exitCode = failed.length === 0 ? 0 : 1
