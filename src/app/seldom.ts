import type { Clock } from '../clock.ts';

/** A trouble that comes again and again is logged once in this time. */
const sayAgainMs = 60_000;

export function seldom<What extends unknown[]>(clock: Clock, say: (...what: What) => void): (...what: What) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (...what) => {
    if (clock.now() - saidAt < sayAgainMs) return;
    saidAt = clock.now();
    say(...what);
  };
}
