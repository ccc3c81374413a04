/** What a server is told, and what it tells. */
import type { RefusalForm } from '../../exchange/answer.ts';
import type { Downstream, RequestHead } from '../../exchange/ports.ts';
import type { Refusal } from '../../exchange/refusals.ts';
import type { ServerTls } from './tls.ts';
import type { UpgradeDownstream } from './upgrade.ts';

/** What connections go by; may be changed. */
export interface ConnectionSettings {
  /** All header fields of a request together. */
  readonly fieldsMaxBytes: number;
  /** From the first byte of a request to the end of its head; the same for a TLS handshake. */
  readonly headTimeoutMs: number;
  /** How long a body may stand still, a request's or an answer's. */
  readonly bodyIdleTimeoutMs: number;
  /** What a request's body has to bring within that time, on average. */
  readonly bodyMinBytesPerS: number;
  /** What a caller has to take of its answer (`taking.ts`). */
  readonly answerMinBytesPerS: number;
  /** How long a connection may stay open between requests. */
  readonly keepAliveTimeoutMs: number;
  /** Most requests on one connection; null, or not there: any number. */
  readonly connectionMaxRequests?: number | null;
}

export interface ServerOptions extends RefusalForm, ConnectionSettings {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** A file descriptor that listens already, in the place of host and port; other processes may have it, too. Not there: none. */
  readonly fd?: number;
  /** Whether other processes may listen on the same port (SO_REUSEPORT). Not there: no. */
  readonly reusePort?: boolean;
  /** Null: plain HTTP. */
  readonly tls: ServerTls | null;
  readonly connectionsMax: number;
  /** Most of them from one address; null, or not there: as many as its share of what others leave. */
  readonly connectionsPerAddressMax?: number | null;
  /** Whether an address is a proxy's, whose connections are many callers'. Not there: none is. */
  readonly trusts?: (address: string) => boolean;
}

export interface ServerEvents {
  request(head: RequestHead, downstream: Downstream): void;
  /** A request to switch to WebSocket. */
  upgrade(head: RequestHead, downstream: UpgradeDownstream): void;
  /** A request whose head could not be read; it has its answer already. */
  unreadable(refusal: Refusal, peer: string, id: string): void;
  /** There are too many connections, so one was closed. @param newcomer whether it is the one that had just come */
  crowded?(peer: string, newcomer: boolean): void;
  /** A connection that ended before it was secure. */
  handshakeFailed(reason: string, peer: string): void;
  /** The port stays open, but a connection could not be accepted. */
  acceptFailed(error: NodeJS.ErrnoException): void;
}
