/** `Server-Timing` (W3C): where the time of a request went, in milliseconds. */
import type { Counters } from './exchange.ts';

/**
 * The time in line and, where it was sent, the time at the Coreapp: over all attempts, up to now.
 * @param underWayMs what the attempt that is not yet counted has taken
 */
export function serverTiming({ heldMs, coreappMs, attempts }: Counters, underWayMs: number): string {
  const hold = `hold;dur=${tenths(heldMs)}`;
  return attempts === 0 ? hold : `${hold}, coreapp;dur=${tenths(coreappMs + underWayMs)}`;
}

/** Milliseconds as they are shown: to a tenth. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
