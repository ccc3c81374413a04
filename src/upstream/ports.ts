/** What passes the ports: a request as it came, as it goes to the Coreapp, and how that failed. */
import type { HeldBody } from '../exchange/bodies.ts';
import type { Fields } from '../exchange/exchange.ts';

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

export interface CoreappRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  readonly body: HeldBody | null;
}

/** How an exchange with the Coreapp failed: the phase decides whether it may be replayed. */
export interface CoreappFailure {
  /** `unsent`: not a byte of the request was written. `sent`: bytes were. `answering`: the answer had begun. */
  readonly phase: 'unsent' | 'sent' | 'answering';
  /**
   * `invalid`: it cannot be put on the wire, which is the caller's doing. `body`: the disk did not give its body back.
   * `late`: the observer let no byte be written.
   */
  readonly cause: 'connect' | 'timeout' | 'broken' | 'aborted' | 'invalid' | 'body' | 'late';
  /** For the log. */
  readonly detail: string;
}
