/** The slots of one bucket for those who wait for it here: the lease, slots that are in hand, and the call for more. */
import type { Clock } from '../../clock.ts';
import { Lease } from './lease.ts';
import type { Buckets } from './ports.ts';
import { type Quota, slotComesAt } from './quota.ts';
import { type Grant, intervalUs } from './slots.ts';

interface SupplyDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly buckets: Pick<Buckets, 'reserve' | 'configure' | 'spent' | 'sharers'>;
}

/** How long to leave the store alone after it did not grant, milliseconds. */
const askAgainMs = 50;

export class Supply {
  readonly lease: Lease;
  readonly #bucket: string;
  readonly #deps: SupplyDeps;
  readonly #answered: () => void;
  #asking = false;
  #askNotBefore = Number.NEGATIVE_INFINITY;
  /** Slots that were asked for until then are not for use. */
  #droppedAt = Number.NEGATIVE_INFINITY;
  /** When slots close that are in hand, and that nobody needed. */
  readonly #spares: number[] = [];

  /** @param answered the store has, later than it was asked */
  constructor(bucket: string, quota: Quota, answered: () => void, deps: SupplyDeps) {
    this.lease = new Lease(quota);
    this.#bucket = bucket;
    this.#answered = answered;
    this.#deps = deps;
  }

  /**
   * The bucket has another limit. False: it is the same.
   * @param needed whether somebody waits for it
   */
  configure(quota: Quota, needed: boolean, now: number): boolean {
    if (!this.lease.configure(quota, now)) return false;
    // A bucket that nobody waits for has the new limit with the next request. But slots in hand go by it from now on, and
    // what the bucket gives next has to come behind them.
    if (needed || this.lease.left(now) > 0) this.#deps.buckets.configure(this.#bucket, quota);
    return true;
  }

  /** How many slots of the bucket are spent, by all that is known here: they have not flowed back yet. */
  spent(now: number): number {
    return Math.max(0, this.lease.fullAt - now) / (intervalUs(this.lease.quota) / 1_000);
  }

  /** The bucket takes the place of another one, and begins as spent as that. */
  beginSpent(slots: number, now: number): void {
    const { quota } = this.lease;
    this.lease.drop(now + (slots * intervalUs(quota)) / 1_000);
    this.#deps.buckets.spent(this.#bucket, quota, slots);
  }

  /** The bucket is pushed back: nobody is to use slots of it, nor those that have been asked for and not come yet. */
  drop(fullAt: number, now: number): void {
    this.#droppedAt = now;
    this.lease.drop(fullAt);
  }

  /** True: the store has not answered yet. */
  get asking(): boolean {
    return this.#asking;
  }

  /** Whether there is a slot for use. */
  isOpen(now: number): boolean {
    while (this.#spares.length > 0) {
      if ((this.#spares.at(-1) as number) >= now) return true;
      this.#spares.pop();
    }
    return this.lease.opensAt(now) <= now;
  }

  /** Uses a slot; there has to be one. Returns when it closes. One that is in hand goes first. */
  take(now: number): number {
    const spare = this.#spares.pop();
    if (spare !== undefined) return spare;
    this.lease.take(now);
    return this.lease.takenClosesAt;
  }

  /** A slot that was in hand is for the next one, until it closes. */
  spare(closesAt: number): void {
    this.#spares.push(closesAt);
  }

  /**
   * Asks the bucket for slots if it is time. True: there are new ones already.
   * @param waiting how many slots those need that wait
   */
  ask(now: number, waiting: number): boolean {
    const { lease } = this;
    if (this.#asking || now < this.#askNotBefore || lease.askAt(now, waiting) > now) return false;
    const { quota } = lease;
    const reply = this.#deps.buckets.reserve(this.#bucket, quota, lease.wanted(now, waiting));
    if (!(reply instanceof Promise)) {
      lease.add(reply, now, now);
      return true;
    }
    this.#asking = true;
    reply.then(
      (grant) => this.#granted(grant, now, quota),
      () => this.#notGranted(),
    );
    return false;
  }

  /** When it may be asked, `Clock.now()` or earlier: now; infinity: it is being asked, or there is no need. */
  askAt(now: number, waiting: number): number {
    return this.#asking ? Number.POSITIVE_INFINITY : Math.max(this.lease.askAt(now, waiting), this.#askNotBefore);
  }

  /**
   * When a slot comes: at the earliest, if no other replica takes any, and by this one's share, if all of them do. For how
   * long they will is not known here.
   * @param number the next one is 1
   */
  comesAt(number: number, now: number): { readonly earliest: number; readonly byShare: number } {
    const { lease } = this;
    const left = lease.left(now);
    const [earliest, byShare] = [1, this.#deps.buckets.sharers].map((sharers) =>
      number <= left
        ? lease.opensAtOf(number, now)
        : slotComesAt(lease.quota, lease.fullAt, now, (number - left) * sharers),
    ) as [number, number];
    return { earliest, byShare };
  }

  #granted(grant: Grant, sentAt: number, by: Quota): void {
    this.#asking = false;
    if (sentAt > this.#droppedAt) this.lease.add(grant, sentAt, this.#deps.clock.now(), by);
    this.#answered();
  }

  #notGranted(): void {
    this.#asking = false;
    this.#askNotBefore = this.#deps.clock.now() + askAgainMs;
    this.#answered();
  }
}
