import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { hostPlatform } from '../../scripts/platform.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Stops the run where the tests would fail one by one for want of a build. */
export default function built(): void {
  const addon = `crates/binding/llem.${hostPlatform()}.node`
  const needed = ['dist/cli/main.js', addon, 'crates/nvml-sim/lib/libnvidia-ml.so.1']
  const missing = needed.filter((path) => !existsSync(join(root, path)))
  if (missing.length > 0) {
    throw new Error(`The tests run on the built llem, and ${missing.join(', ')} is missing: npm run build`)
  }
}
