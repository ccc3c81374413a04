/** Requests stand in line for tests, which await what that comes to. */
import type { Stander } from '../../src/admission/stay.ts';
import type { Admission } from '../../src/exchange/outcome.ts';

/** A promise where it has to wait. */
export function stood(stand: (stander: Stander) => Admission | null): Admission | Promise<Admission> {
  const { promise, resolve } = Promise.withResolvers<Admission>();
  return stand({ settle: resolve }) ?? promise;
}
