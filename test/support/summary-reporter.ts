import { writeFileSync } from 'node:fs';
import type { Reporter, SerializedError, TestCase, TestModule, Vitest } from 'vitest/node';
import { isNotApplicable } from './not-applicable.ts';

/**
 * Ends a run with one line that tools can read: `N passed, N failed`, and `, N skipped` where there are any. A file
 * that can't be run and an error outside every test count as a failure each. `WEIR_TEST_SUMMARY` names a file that
 * gets the line as well.
 *
 * In CI (`CI=true`) a test that is skipped has failed: what it needs is to be installed. Only what can't apply to this
 * machine, and says so (`not-applicable.ts`), may be skipped there.
 */
export class SummaryReporter implements Reporter {
  #vitest: Vitest | undefined;

  onInit(vitest: Vitest): void {
    this.#vitest = vitest;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    const inCi = process.env.CI === 'true';
    const missed: string[] = [];
    for (const module of modules) {
      let failures = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === 'passed') count.passed += 1;
        else if (state !== 'skipped') failures += 1;
        else if (!inCi || isNotApplicable(noteOf(test))) count.skipped += 1;
        else missed.push(`${module.relativeModuleId} > ${test.fullName}`);
      }
      // A file that fails to load, or whose hooks fail, has no failed test of its own.
      count.failed += failures === 0 && module.state() === 'failed' ? 1 : failures;
    }
    if (missed.length > 0) {
      count.failed += missed.length;
      process.exitCode = 1;
      this.#vitest?.logger.error(`\nNothing may be skipped in CI, and these tests were:\n${missed.join('\n')}`);
    }
    const skipped = count.skipped === 0 ? '' : `, ${count.skipped} skipped`;
    const line = `${count.passed} passed, ${count.failed} failed${skipped}\n`;
    this.#vitest?.logger.log(`\n${line}`.trimEnd());
    const file = process.env.WEIR_TEST_SUMMARY;
    if (file !== undefined) writeFileSync(file, line);
  }
}

function noteOf(test: TestCase): string {
  const result = test.result();
  return result.state === 'skipped' ? (result.note ?? '') : '';
}
