/** What the rate asks of the store that replicas share. */
import type { NarrowQuota, Quota } from './quota.ts';
import type { Grant, Tried } from './slots.ts';

/**
 * The shared state of the limits. Whoever shares a bucket shares its clock, so a grant holds delays, never instants.
 * What was granted is spent, used or not. A promise that rejects has granted nothing that the asker may use.
 */
export interface Buckets {
  /** How many processes share the buckets, as last seen; 1: no other does. */
  readonly sharers: number;
  /** Takes 1 to `want` slots. Answers at once where the bucket is in this process. */
  reserve(bucket: string, quota: Quota, want: number): Grant | Promise<Grant>;
  /**
   * The bucket has another limit from now on: what was spent stays spent, and flows back at the new rate. A bucket that
   * is not told has it from the next call on.
   */
  configure(bucket: string, quota: Quota): void;
  /** So many slots of it are spent at least: it takes the place of one of which so many are. */
  spent(bucket: string, quota: Quota, slots: number): void;
  /**
   * No slot that is given from now on opens before `ms` are over (at most 5 s), nor earlier than it would have; for
   * everybody who shares the bucket. It never rejects: where the others can't be told it counts in this process.
   */
  pushBack(bucket: string, quota: Quota, ms: number): void | Promise<void>;
  /**
   * Takes so many tokens of a narrow bucket if they are there now, and takes nothing otherwise. It never rejects: where
   * the others can't be asked, this process has its share.
   * @param count 1 to the burst
   */
  tryTake(bucket: string, quota: NarrowQuota, count: number): Tried | Promise<Tried>;
  /**
   * Narrow buckets have another limit from now on: all whose names begin so. What was spent stays spent, and flows back at
   * the new rate.
   */
  configureNarrow(beginning: string, from: NarrowQuota, to: NarrowQuota): void;
  /**
   * So many tokens more were used than had been taken; or fewer, and `count` is negative. Not to be waited for: where the
   * others can't be told what was used, this process knows; what was not used is lost then, and never too much.
   * @param mark of the take
   */
  settle(bucket: string, quota: NarrowQuota, count: number, mark: number): void;
  /**
   * The same for a narrow bucket, for a minute at most. Not to be waited for: where the others can't be told, they find
   * out by themselves.
   */
  pushBackNarrow(bucket: string, quota: NarrowQuota, ms: number): void;
  /**
   * This process will not ask for it any more. What it remembers may go, if that says no more than that the bucket is
   * full.
   */
  forget(bucket: string): void;
}
