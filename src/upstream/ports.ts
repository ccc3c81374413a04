/** What forwarding asks of the outside: the Coreapp, and connections that switch protocols. */
import type { BufferedBody } from '../exchange/bodies.ts';
import type { Downstream } from '../exchange/ports.ts';
import type { Fields } from '../http/fields.ts';

export interface CoreappRequest {
  readonly method: string;
  readonly target: string;
  readonly fields: Fields;
  /**
   * How many texts of `fields`, from the first on, are known to be names and values of fields: the wire has read them, or
   * Weir has made them of nothing else.
   */
  readonly checked: number;
  readonly body: BufferedBody | null;
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

export interface CoreappObserver {
  /**
   * Asked right before the first byte is written, on a connection that stands. False: nothing is written, the call
   * fails as `late`, and the connection is kept.
   */
  mayWrite(): boolean;
  /** 1xx answers, any number, before the head. */
  onInformation(status: number, fields: Fields): void;
  onHead(status: number, fields: Fields): void;
  /** False: no more until `CoreappCall.resume()`. */
  onData(chunk: Buffer): boolean;
  onEnd(trailers: Fields): void;
  onFailure(failure: CoreappFailure): void;
}

export interface CoreappCall {
  resume(): void;
  /** Ends the exchange; `onFailure` follows unless it has ended already. */
  abort(): void;
}

/**
 * The Coreapp. Each call ends in exactly one `onEnd` or `onFailure`, maybe before `send` has returned; nothing is sent
 * twice.
 */
export interface Coreapp {
  send(request: CoreappRequest, observer: CoreappObserver): CoreappCall;
}

/**
 * Connections that have switched protocols: bytes pass both ways until either side ends. `Switching` is the downstream
 * of a caller who asks to switch: it can hand over its connection in the form in which the adapter carries it on. All
 * that lies between the two is written for any `Downstream`, so no other gets here by type.
 */
export interface Tunnels<Switching extends Downstream> {
  /** The Coreapp, for the request of one caller who asks to switch. A 101 is the end of its answers, without a body. */
  over(downstream: Switching, told: TunnelObserver): Coreapp;
}

/** Called once each for every attempt. */
interface TunnelObserver {
  /** The attempt begins. */
  asked(): void;
  /** It came to no tunnel, or the tunnel has ended. */
  ended(): void;
}
