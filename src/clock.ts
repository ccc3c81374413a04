/** Time. `now()` never goes back; only `wallMs()` knows the date. */
export interface Clock {
  /** Milliseconds since some moment, fractions included. */
  now(): number;
  /** Milliseconds since 1970-01-01 UTC. */
  wallMs(): number;
  /** Calls back once, never early by `now()`, unless it was cancelled before. */
  after(ms: number, call: () => void): Alarm;
}

export interface Alarm {
  cancel(): void;
}
