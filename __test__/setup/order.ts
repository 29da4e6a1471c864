import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Long files are begun early, so that none runs alone at the end; those of llama-server once it has been built. */
const EARLY = [
  'house/readme.test.ts',
  'slurm/campaign.test.ts',
  'campaign/run.test.ts',
  'backends/pytorch.test.ts',
  'cli/run.test.ts',
  'cli/screens.test.ts',
  'campaign/health-campaign.test.ts',
  'experiment/single-failures.test.ts',
  'docker/docker.test.ts',
  'cli/run-server.test.ts',
  'attach/llama-bench.test.ts',
]

/** Without what earlier runs have taken, which a fresh clone does not know: the same order everywhere. */
export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = EARLY.findIndex((name) => moduleId.endsWith(name))
      return place < 0 ? EARLY.length : place
    }
    return [...files].sort((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1))
  }
}
