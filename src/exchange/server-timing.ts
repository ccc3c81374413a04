/** `Server-Timing` (W3C): where the time of a request went, in milliseconds. */
import type { Counters, Received, Routed } from './exchange.ts';

/**
 * The time in line and, where it was sent, the time at the Coreapp: over all attempts, up to now.
 * @param underWayMs what the attempt that is not yet counted has taken
 */
export function serverTiming({ heldMs, coreappMs, attempts }: Counters, underWayMs: number): string {
  const hold = `hold;dur=${tenths(heldMs)}`;
  return attempts === 0 ? hold : `${hold}, coreapp;dur=${tenths(coreappMs + underWayMs)}`;
}

/** What answers say of the time in line. */
export interface TimesTold {
  /** Whether `Server-Timing` is told. */
  readonly serverTiming: boolean;
  /** Whether `X-Weir-Hold` is told. */
  readonly holdField: boolean;
}

/** The fields that say where the time of a request went. @param underWayMs as of `serverTiming` */
export function timeFields(
  exchange: Received,
  underWayMs: number,
  { serverTiming: timed, holdField }: TimesTold,
): string[] {
  const fields: string[] = [];
  if (timed) fields.push('Server-Timing', serverTiming(exchange.counters, underWayMs));
  if (holdField) fields.push('X-Weir-Hold', holdOf(exchange));
  return fields;
}

/** A structured item (RFC 9651): whole milliseconds in line; the class in whose line, and how often it was sent. */
function holdOf(exchange: Received): string {
  const { heldMs, attempts } = exchange.counters;
  const { route } = exchange as Partial<Routed>;
  return `${Math.round(heldMs)};class="${route?.class ?? 'none'}";attempts=${attempts}`;
}

/** Milliseconds as they are shown: to a tenth. */
export function tenths(ms: number): number {
  return Math.round(ms * 10) / 10;
}
