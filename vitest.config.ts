import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

/**
 * Each test is bounded by what it does, not by how long that takes: the timeouts are for what hangs, and no machine is so
 * slow as to meet them.
 */
const common = { environment: 'node', pool: 'forks', testTimeout: 180_000, hookTimeout: 180_000 } as const;

/** Whole processes: they mostly wait for one another, so more of them run at a time. */
const processes = 'test/e2e/**/*.test.ts';
/** Have a configuration of their own: `npm run test:deploy`. */
const deployed = ['test/deploy/**/*.test.ts', 'test/browser/**/*.test.ts'];

export default defineConfig({
  test: {
    teardownTimeout: 10_000,
    allowOnly: false,
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        test: {
          ...common,
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: [processes, ...deployed],
          maxWorkers: 3,
        },
      },
      {
        test: { ...common, name: 'e2e', include: [processes], maxWorkers: 6, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
