import { type Refusal, refuse } from '../exchange/refusals.ts';
import type { StrangerGuard, StrangerKind } from './ports.ts';

const invalid = refuse('unauthenticated');

/** Addresses that bring tokens, or keys, that nobody knows: refused, counted, and told to wait after too many. */
export class Strangers {
  readonly #kind: StrangerKind;
  readonly #guard: StrangerGuard;

  constructor(kind: StrangerKind, guard: StrangerGuard) {
    this.#kind = kind;
    this.#guard = guard;
  }

  /** Null: the address has not brought too many. */
  tooMany(address: string): Refusal | null {
    const waitMs = this.#guard.strangerWaitMs(this.#kind, address);
    if (waitMs <= 0) return null;
    const seconds = Math.ceil(waitMs / 1_000);
    const details = `Too many unknown tokens or keys from this address. Try again in ${seconds} s.`;
    return refuse('unauthenticated', details, waitMs);
  }

  /** What is said to one more, without counting it. */
  refused(address: string): Refusal {
    return this.tooMany(address) ?? invalid;
  }

  /** Past the limit one more changes nothing, and each count is also a call to the store. */
  count(address: string): Refusal | Promise<Refusal> {
    return this.tooMany(address) ?? this.#guard.stranger(this.#kind, address).then(() => this.refused(address));
  }
}
