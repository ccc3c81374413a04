import type { Clock } from '../ports.ts';

/** What goes wrong again and again is said once in this time. */
const sayAgainMs = 60_000;

export function seldom(clock: Clock, say: (reason: string) => void): (reason: string) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (reason) => {
    if (clock.now() - saidAt < sayAgainMs) return;
    saidAt = clock.now();
    say(reason);
  };
}
