import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { Order } from './__test__/setup/order.js'
import { plant } from './__test__/setup/planted.js'
import { sharingFiles } from './__test__/setup/sharing.js'

const root = fileURLToPath(new URL('.', import.meta.url))
const data = join(root, '.cache/test/data')
/** What takes minutes runs at night (scripts/nightly.mjs). */
const nightly = process.env.LLEM_TEST_NIGHTLY === '1' ? [] : ['__test__/**/*.nightly.test.ts']
const timing = '__test__/{native,backends,house}/**/*timing*.test.ts'
const sharing = sharingFiles(root)

// What llem is told by the shell it is tested in must not change what the tests see.
for (const name of Object.keys(process.env)) {
  if (name.startsWith('LLEM_') && !name.startsWith('LLEM_TEST_')) delete process.env[name]
}

// Also for what is prepared before the tests, beside them.
process.env.LLEM_TEST_DATA_DIR = join(data, 'llem')

plant()

export default defineConfig({
  test: {
    globalSetup: [
      './__test__/setup/built.ts',
      './__test__/setup/planted.ts',
      './__test__/setup/llama-server.ts',
    ],
    env: {
      // Nothing is read from or written to the home of whoever runs the tests. The folders last from one run to the
      // next, because installing an inference backend takes 10 s and 85 MB.
      XDG_DATA_HOME: data,
      XDG_CACHE_HOME: join(root, '.cache/test/cache'),
      LLEM_TEST_DATA_DIR: join(data, 'llem'),
      // Neither does the machine: its CPU's counters, and who else polls GPUs on it, such as another test.
      LLEM_SYSFS_ROOT: join(root, '.cache/test/no-sysfs'),
      LLEM_PROC_ROOT: join(root, '.cache/test/no-proc'),
      // Tests share simulated GPUs, and are not to wait for one another.
      LLEM_CLAIMS_DIR: '',
      // Otherwise CI=true alone colours what the CLI prints.
      NO_COLOR: '1',
    },
    sequence: { sequencer: Order },
    testTimeout: 60_000,
    hookTimeout: 180_000,
    // Most tests wait for sensors and servers: with two at a time two cores were busy to 60 %.
    maxWorkers: 4,
    // What passes at the second try is told by its name at the end (scripts/testing/summary.mjs).
    retry: 1,
    // What is built is imported by Node itself.
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      {
        extends: true,
        test: {
          name: 'sharing',
          include: sharing,
          exclude: [timing, ...nightly],
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'all',
          include: ['__test__/**/*.test.ts'],
          exclude: [timing, ...sharing, ...nightly],
          sequence: { groupOrder: 1 },
        },
      },
      {
        // What checks deadlines has the machine to itself: one file at a time, after all others.
        extends: true,
        test: {
          name: 'timing',
          include: [timing],
          exclude: nightly,
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
