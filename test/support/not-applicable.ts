/** A test's context, as far as it is needed here. */
interface Skippable {
  skip(note: string): never;
}

const mark = 'not applicable: ';

/**
 * Skips a test that can mean nothing on this machine, whatever is installed on it. Any other skip fails in CI
 * (`summary-reporter.ts`).
 */
export function notApplicable(context: Skippable, why: string): never {
  return context.skip(mark + why);
}

export const isNotApplicable = (note: string): boolean => note.startsWith(mark);
