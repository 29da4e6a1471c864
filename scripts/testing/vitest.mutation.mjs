// The tests that see a mistake in the process that they run in: quick ones, without children and sensors.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: [
      '__test__/verify/arithmetic.test.ts',
      '__test__/results/{quoted,shares,student,uncertain}.test.ts',
      '__test__/energy/findings.test.ts',
      '__test__/baseline/breakdown.test.ts',
      '__test__/experiment/warnings.test.ts',
    ],
    testTimeout: 30_000,
  },
})
