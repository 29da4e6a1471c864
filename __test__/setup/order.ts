import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that need llama-server, which is built beside the others: `llama-server.ts`. */
const LAST = ['docker/docker.test.ts', 'cli/run-server.test.ts', 'attach/llama-bench.test.ts']

/** Long files are begun early, so that none runs alone at the end. */
const LONG = ['house/readme.test.ts', 'campaign/run.test.ts', 'backends/pytorch.test.ts']

/** Without what earlier runs have taken, which a fresh clone does not know: the same order everywhere. */
export class Order extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) =>
      LAST.some((file) => moduleId.endsWith(file)) ? 2 : LONG.some((file) => moduleId.endsWith(file)) ? 0 : 1
    return [...files].sort((a, b) => rank(a) - rank(b) || (a.moduleId < b.moduleId ? -1 : 1))
  }
}
