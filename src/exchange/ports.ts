/** What a request asks of the connection that it came on. */
import type { Fields } from '../http/fields.ts';
import type { Allocation, BodyRead } from './bodies.ts';
import type { Collected, Received } from './exchange.ts';
import type { CutCause, Outcome, Page } from './outcome.ts';
import type { Refusal } from './refusals.ts';

/** An object and not a function: a closure for each request that waits takes more than what it closes over. */
export interface GoneListener {
  callerGone(): void;
}

/** The caller's side of an exchange. One answer: `page`, or `head` then `data` then `end`, or `cut`. */
export interface Downstream {
  /** True once the caller has hung up (or was cut off). */
  readonly gone: boolean;
  /** Why it was cut off where that was not asked for by `cut`; null: it was not, or it has hung up by itself. */
  readonly cutFor: CutCause | null;
  /** Told once when the caller hangs up before its answer is complete. One listener; null takes it away. */
  onGone(listener: GoneListener | null): void;
  /** A valid credential was seen: if connections have to be closed, this one is closed later than strangers'. */
  known(): void;
  /** The announced length of the body; null: unknown (chunked). */
  readonly bodyBytes: number | null;
  /** How much of the body was read so far, without what frames it. */
  readonly bytesIn: number;
  /**
   * Reads the whole body, at most `maxBytes`; at once where it has arrived already. `100 Continue` is sent where the
   * caller waits for it. All that a body takes is allocated before: its announced length, or for a chunked one as much
   * as its chunks need. If that can't be had, nothing further is kept. A body larger than the allocation's
   * `memoryMaxBytes` goes to a file, no faster than the disk takes it.
   */
  read(maxBytes: number, allocation: Allocation): BodyRead | Promise<BodyRead>;
  information(status: number, fields: Fields): void;
  head(status: number, fields: Fields): void;
  /** False: the caller's buffer is full; `listener` of `onDrain` is called when there is room. */
  data(chunk: Buffer): boolean;
  onDrain(listener: () => void): void;
  /** False: the caller has still to take the last of it; `listener` of `onDrain` is called when it has. */
  end(trailers: Fields): boolean;
  /** A whole answer of Weir's own. */
  page(status: number, fields: Fields, body: string): void;
  /** Breaks the connection: a truncated answer is not made whole. */
  cut(): void;
}

/** The endpoints that Weir answers itself: a profile has its own. */
export interface OwnEndpoints {
  /** Answers an exchange whose route is `by: 'weir'`. Rejects only for a bug. */
  answer(exchange: Collected): Promise<Page | Refusal>;
}

/** Writes down what a request did to an account, or was refused to do. Called at the end of every exchange. */
export type Audit = (exchange: Received, end: Outcome) => void;

/** A request's head as the server read it. */
export interface RequestHead {
  readonly method: string;
  readonly target: string;
  /** `1.1` or `1.0`. */
  readonly version: string;
  /** The only copy of them: what is taken out of it is gone. */
  readonly fields: string[];
  /** The peer's address. */
  readonly peer: string;
  readonly secure: boolean;
}
