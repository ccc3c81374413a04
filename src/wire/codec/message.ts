/** What the codec makes of the bytes of a connection: heads, parts of bodies, or the reason why they are none. */

/** Bounds for one head. */
export interface HeadLimits {
  /** The first line, without its line end. */
  readonly lineMaxBytes: number;
  /** All field lines together, with their line ends. */
  readonly fieldsMaxBytes: number;
  readonly fieldsMax: number;
}

/** How a body is delimited (RFC 9112, 6.3): its length in bytes (0: none), or one of the two below. */
export type BodyLength = number;
export const chunked: BodyLength = -1;
/** Of answers only: the end of the connection is the end of the body. */
export const untilClose: BodyLength = -2;

export interface RequestMessage {
  readonly kind: 'request';
  readonly method: string;
  /** As it came. Its form fits the method (RFC 9112, 3.2). */
  readonly target: string;
  /** What the message is served as: HTTP/1.2 and later minor versions are served as 1.1 (RFC 9110, 2.5). */
  readonly version: '1.1' | '1.0';
  /** Name, value, name, value, … as they came, in Latin-1, without the blanks around values. */
  readonly fields: string[];
  readonly bodyLength: BodyLength;
  /** False: this is the connection's last request (RFC 9112, 9.3). */
  readonly persistent: boolean;
  /** `Expect: 100-continue` (RFC 9110, 10.1.1). Never for HTTP/1.0. */
  readonly expectsContinue: boolean;
  /** It asks to switch to WebSocket, and has no body (RFC 6455, 4.1). */
  readonly upgrade: boolean;
}

export interface ResponseMessage {
  readonly kind: 'response';
  readonly status: number;
  readonly version: '1.1' | '1.0';
  readonly fields: string[];
  readonly bodyLength: BodyLength;
  /** False: the connection ends with this answer. */
  readonly persistent: boolean;
  /** How long the other side keeps the connection while idle, by its `Keep-Alive: timeout=`; null: it says nothing. */
  readonly keepAliveMs: number | null;
}

/** It can't be read, or could be read in two ways. Nothing behind it on its connection may be read. */
export interface Unreadable {
  readonly kind: 'unreadable';
  /** What a caller is told; for answers of the upstream only `why` matters. */
  readonly refusal: 'malformed' | 'fieldsTooLarge' | 'targetTooLong';
  /** Names what is wrong and, where it helps, what would be right. */
  readonly why: string;
}

export const unreadable = (why: string, refusal: Unreadable['refusal'] = 'malformed'): Unreadable => ({
  kind: 'unreadable',
  refusal,
  why,
});

/** What a `Content-Length` may be. */
export const lengthForm = /^\d{1,15}$/;

/**
 * One direction of one connection. Any cut of the bytes gives the same results.
 *
 * `read` takes bytes from `from` on and returns a head, why there is none, or null: more has to come (what was given is
 * kept inside, so that the caller need not). `position` is where, in the bytes that were given last, the first byte
 * behind the head is.
 */
export interface HeadReader<Head> {
  read(bytes: Buffer, from: number): Head | Unreadable | null;
  readonly position: number;
  /** Whether a byte of the next head has come: an idle connection has none. */
  readonly begun: boolean;
}
