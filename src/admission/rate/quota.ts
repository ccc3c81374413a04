/** A bucket's limit: `rate` requests a second, and up to `burst` at once after a pause. */
export interface Quota {
  /** Requests a second, above 0; fractions are allowed (0.5 is one every two seconds). */
  readonly rate: number;
  /** Requests, 1 or more. */
  readonly burst: number;
}

/** The limit of a narrow bucket. */
export interface NarrowQuota extends Quota {
  /** Null: each request takes one token, and that is that. Else answers tell how many it were. */
  readonly settled: {
    /** How far an answer that tells of more than was charged may overdraw it, microseconds of its rate. */
    readonly debtMaxUs: number;
  } | null;
}

/**
 * When the bucket gives one of the slots that come after those of the lease, at the earliest: the reverse of
 * `slotsToCome`. In the past: now.
 * @param number the next one is 1
 */
export function slotComesAt({ rate, burst }: Quota, fullAt: number, now: number, number: number): number {
  return Math.max(now, fullAt) - ((burst - number) / rate) * 1_000;
}

/**
 * How many slots a bucket can give that open before a moment, at most, besides those that are left of a lease. Other
 * replicas take their part of them, but for how long is not known here, so nothing is deducted.
 * @param fullAt when it will be full again, by the last grant; milliseconds, like `now` and `until`
 */
export function slotsToCome({ rate, burst }: Quota, fullAt: number, now: number, until: number): number {
  const nextAt = Math.max(now, fullAt) - ((burst - 1) / rate) * 1_000;
  return Math.max(0, Math.ceil(((until - nextAt) * rate) / 1_000));
}
