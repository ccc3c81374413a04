/**
 * `npm run test:deploy`: image, chart and scrape target, each built and run for real, one after the other; and the page of the
 * ops port in a real browser, which is all of `npm run test:browser`.
 */
import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

const common = {
  environment: 'node',
  pool: 'forks',
  maxWorkers: 1,
  testTimeout: 300_000,
  hookTimeout: 600_000,
} as const;

export default defineConfig({
  test: {
    teardownTimeout: 10_000,
    allowOnly: false,
    reporters: ['default', new SummaryReporter()],
    projects: [
      {
        test: {
          ...common,
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          globalSetup: 'test/browser/support/setup.ts',
        },
      },
      {
        test: {
          ...common,
          name: 'deploy',
          include: ['test/deploy/**/*.test.ts'],
          globalSetup: 'test/deploy/support/setup.ts',
        },
      },
    ],
  },
});
