/**
 * What callers may be told of a bucket: `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10.
 *
 *     RateLimit-Policy: "messages";q=150;w=3
 *     RateLimit: "messages";r=42;t=1
 *
 * They say how much can be sent without being held; nobody is refused for more. What the Coreapp itself says in such
 * fields stays as it is, and Weir adds no more permissive word to it (7.2 there).
 */
import type { Telling } from '../../exchange/exchange.ts';
import type { Fields } from '../../http/fields.ts';
import type { Quota } from './quota.ts';
import { classOfBucket } from './scope.ts';

export interface Left {
  /** Whole requests. */
  readonly requests: number;
  /** Seconds until it is worth looking again, 1 or more. */
  readonly resetS: number;
}

/** @param waiting how many go first @param pauseMs how long nobody goes at all */
export function leftOf(quota: Quota, level: number, waiting: number, pauseMs: number): Left {
  const requests = pauseMs > 0 ? 0 : Math.max(0, Math.floor(level + 1e-6) - waiting);
  // A client that spreads `r` over `t` must come to no more than the rate (8.5 there).
  const backlogS = (requests > 0 ? requests : waiting + 1) / quota.rate;
  return { requests, resetS: Math.max(1, Math.ceil(Math.max(backlogS, pauseMs / 1_000))) };
}

export class RateLimitFields implements Telling {
  readonly #policy: string;
  /** The item up to its parameters, and the partition key behind them. */
  readonly #name: string;
  readonly #partition: string;
  readonly #left: () => Left;

  /** @param bucket its name @param left what is left of it just now */
  constructor(bucket: string, quota: Quota, left: () => Left) {
    const windowS = Math.max(1, Math.ceil(quota.burst / quota.rate));
    this.#name = `"${classOfBucket(bucket)}"`;
    this.#partition = partitionOf(bucket);
    this.#policy = `${this.#name};q=${Math.floor(quota.rate * windowS)};w=${windowS}${this.#partition}`;
    this.#left = left;
  }

  addTo(out: string[], coreapps: Fields): void {
    const { requests, resetS } = stricter(this.#left(), coreapps);
    const limit = `${this.#name};r=${requests};t=${resetS}${this.#partition}`;
    out.push('RateLimit-Policy', this.#policy, 'RateLimit', limit);
  }
}

/**
 * Of a bucket that only some requests share: the digest of what they have in common, so that clients can tell them
 * apart.
 */
function partitionOf(bucket: string): string {
  const [, digest = 'none'] = bucket.split(':');
  return digest === 'none' ? '' : `;pk=:${Buffer.from(digest, 'hex').toString('base64')}:`;
}

/** The Coreapp's own count goes before ours where it leaves less. */
function stricter(ours: Left, coreapps: Fields): Left {
  let left = ours;
  for (let i = 0; i < coreapps.length; i += 2) {
    const theirs = leftIn((coreapps[i] as string).toLowerCase(), coreapps[i + 1] as string);
    if (theirs === null || theirs.requests > left.requests) continue;
    left = { requests: theirs.requests, resetS: Math.max(left.resetS, theirs.resetS) };
  }
  return left;
}

/**
 * The least that a field says is left; null: it says nothing of that. Older forms count, but for their many kinds of
 * reset.
 */
function leftIn(name: string, value: string): Left | null {
  switch (name) {
    case 'ratelimit':
      return leastOf(value.replace(/"(?:[^"\\]|\\.)*"/g, '').split(','));
    case 'ratelimit-remaining':
    case 'x-ratelimit-remaining':
    case 'x-rate-limit-remaining':
      return leastOf(value.split(',').map((text) => `;r=${text.trim()}`));
    default:
      return null;
  }
}

/** Of list items as the draft has them now (`"name";r=5;t=3`), or members as it had them before (`remaining=5`). */
function leastOf(items: readonly string[]): Left | null {
  let least: Left | null = null;
  for (const item of items) {
    const requests = numberIn(item, /(?:;\s*r|^\s*remaining)=(\d{1,15})(?![\d.])/);
    if (requests === null || (least !== null && least.requests <= requests)) continue;
    least = { requests, resetS: numberIn(item, /;\s*t=(\d{1,15})(?![\d.])/) ?? 0 };
  }
  return least;
}

function numberIn(text: string, form: RegExp): number | null {
  const found = form.exec(text)?.[1];
  return found === undefined ? null : Number(found);
}
