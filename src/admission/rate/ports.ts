/** What the rate asks of the store that replicas share. */
import type { Quota } from './quota.ts';
import type { Grant, Tried } from './slots.ts';

/**
 * The shared state of the limits. Whoever shares a bucket shares its clock, so a grant holds delays, never instants.
 * What was granted is spent, used or not. A promise that rejects has granted nothing that the asker may use.
 */
export interface Buckets {
  /** Takes 1 to `want` slots. Answers at once where the bucket is in this process. */
  reserve(bucket: string, quota: Quota, want: number): Grant | Promise<Grant>;
  /**
   * No slot that is given from now on opens before `ms` are over (at most 5 s), nor earlier than it would have; for
   * everybody who shares the bucket. It never rejects: where the others can't be told it counts in this process.
   */
  pushBack(bucket: string, quota: Quota, ms: number): void | Promise<void>;
  /**
   * Takes one token of a narrow bucket if there is one now, and takes nothing otherwise. It never rejects: where the
   * others can't be asked, this process has its share.
   */
  tryTake(bucket: string, quota: Quota): Tried | Promise<Tried>;
  /** Gives a token of a narrow bucket back that was taken and not used. */
  giveBack(bucket: string, quota: Quota): void;
  /** Nobody here asks for it any more: what this process remembers may go, if it says no more than that it is full. */
  forget(bucket: string): void;
}
