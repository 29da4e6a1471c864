import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that need llama-server, which a fresh clone builds beside the others: `llama-server.ts`. */
const SERVED = ['docker/docker.test.ts', 'cli/run-server.test.ts', 'attach/llama-bench.test.ts']
const SERVER = fileURLToPath(new URL('../../.cache/test/llama-server', import.meta.url))

/** Long files are begun early, so that none runs alone at the end. */
const LONG = [
  'house/readme.test.ts',
  'slurm/campaign.test.ts',
  'campaign/run.test.ts',
  'backends/pytorch.test.ts',
  'cli/run.test.ts',
  'cli/screens.test.ts',
  'campaign/health-campaign.test.ts',
  'experiment/single-failures.test.ts',
]

/** Without what earlier runs have taken, which a fresh clone does not know: the same order everywhere. */
export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isBuilt = existsSync(SERVER)
    const rank = ({ moduleId }: TestSpecification) => {
      const isOneOf = (names: readonly string[]) => names.some((name) => moduleId.endsWith(name))
      if (isOneOf(SERVED)) return isBuilt ? 0 : 2
      return isOneOf(LONG) ? 0 : 1
    }
    return [...files].sort((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1))
  }
}
