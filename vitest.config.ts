import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

const common = { environment: 'node', pool: 'forks', testTimeout: 15_000, hookTimeout: 30_000 } as const;

/** What counts requests against the clock gets the machine to itself. */
const counted = 'test/e2e/**/*.test.ts';
/** Has a configuration of its own: `npm run test:deploy`. */
const deployed = 'test/deploy/**/*.test.ts';

export default defineConfig({
  test: {
    teardownTimeout: 10_000,
    allowOnly: false,
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        test: { ...common, name: 'fast', include: ['test/**/*.test.ts'], exclude: [counted, deployed], maxWorkers: 2 },
      },
      {
        test: { ...common, name: 'e2e', include: [counted], maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
