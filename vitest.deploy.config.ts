/** `npm run test:deploy`: image, chart and scrape target, each built and run for real, one after the other. */
import { defineConfig } from 'vitest/config';
import { SummaryReporter } from './test/support/summary-reporter.ts';

export default defineConfig({
  test: {
    environment: 'node',
    pool: 'forks',
    include: ['test/deploy/**/*.test.ts'],
    globalSetup: 'test/deploy/support/setup.ts',
    maxWorkers: 1,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    teardownTimeout: 10_000,
    allowOnly: false,
    reporters: ['default', new SummaryReporter()],
  },
});
