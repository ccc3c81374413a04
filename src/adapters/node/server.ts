/** The main port: Node's HTTP server, its limits and timeouts, and what it refuses before there is an exchange. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerOptions as HttpOptions, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer, STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TlsMaterial } from '../../config/tls-material.ts';
import type { RefusalBody } from '../../exchange/answer.ts';
import type { Downstream, RequestHead } from '../../exchange/ports.ts';
import type { Refusal } from '../../exchange/refusals.ts';
import { refusalTable, refuse } from '../../exchange/refusals.ts';
import { CallerConnections, plainAddress } from './connections.ts';
import { ignoreError, NodeDownstream, type Reception } from './downstream.ts';
import { isBehind, onHalfClosed } from './half-closed.ts';
import { Idlers } from './idlers.ts';
import { closeSoon } from './lingering.ts';
import { createSecureServer, type SecureServer, type ServerTls } from './tls-server.ts';
import { asksForWebSocket, UpgradeDownstream } from './upgrade.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Null: plain HTTP. */
  readonly tls: ServerTls | null;
  /** All header fields of a request together. */
  readonly fieldsMaxBytes: number;
  /** From the first byte of a request to the end of its head; the same for a TLS handshake. */
  readonly headTimeoutMs: number;
  /** How long a body may stand still, a request's or an answer's. */
  readonly bodyIdleTimeoutMs: number;
  /** What a request's body has to bring within that time, on average. */
  readonly bodyMinBytesPerS: number;
  /** What a caller has to take of its answer (`wire/taking.ts`). */
  readonly answerMinBytesPerS: number;
  /** How long a connection may stay open between requests. */
  readonly keepAliveTimeoutMs: number;
  readonly connectionsMax: number;
  /** Most of them from one address; null, or not there: as many as its share of what others leave. */
  readonly connectionsPerAddressMax?: number | null;
  /** Whether an address is a proxy's, whose connections are many callers'. Not there: none is. */
  readonly trusts?: (address: string) => boolean;
  /** The body in which a refusal is told. */
  readonly refusalBody: RefusalBody;
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

export interface MainServer {
  readonly port: number;
  readonly connections: number;
  /** Shows another certificate from the next connection on. Only where there is TLS. */
  readonly secure: (material: TlsMaterial) => void;
  /** From now on every answer ends its connection, so that callers look for another replica. */
  retire(): void;
  /** Takes no new connections; resolves when the last open one has been closed. Idle ones are closed at once. */
  close(): Promise<void>;
  /** Breaks what is still open. */
  destroy(): void;
}

const latest = Symbol('latest');
const unread = Symbol('unread');

/** A connection, its latest request's response, and whether something on it could not be read. */
type Kept = Duplex & { [latest]?: ServerResponse; [unread]?: boolean };

/** Rejects with the system's error where the address can't be listened on. */
export async function startServer(options: ServerOptions, events: ServerEvents): Promise<MainServer> {
  const idlers = new Idlers(options.bodyIdleTimeoutMs, options.bodyMinBytesPerS, options.answerMinBytesPerS);
  const { server, secure } = create(options, events);
  const { connectionsMax, connectionsPerAddressMax = null, trusts = () => false } = options;
  const connections = new CallerConnections(server, options.tls !== null, {
    bounds: { max: connectionsMax, perAddressMax: connectionsPerAddressMax, closesBusy: false },
    isShared: trusts,
    closed: (address, newcomer) => events.crowded?.(address, newcomer),
  });
  const reception = { idlers, connections, retiring: false, stopping: false };
  /** Node's server no longer knows of them. */
  const handedOver = new Set<Socket>();
  server.on(options.tls === null ? 'connection' : 'secureConnection', (socket: Socket) =>
    socket.once('end', () => onHalfClosed(socket, (socket as Kept)[latest])),
  );
  tellOfRequests(server, events, reception, handedOver);
  refuseUnreadable(server, events, handedOver, options.refusalBody);
  server.listen(options.port, options.host);
  await once(server, 'listening');
  server.on('error', (error) => events.acceptFailed(error));
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections.count;
    },
    secure,
    retire() {
      reception.retiring = true;
    },
    close: () =>
      new Promise((resolve) => {
        reception.retiring = true;
        server.close(() => {
          idlers.close();
          resolve();
        });
        server.closeIdleConnections();
      }),
    destroy() {
      reception.stopping = true;
      server.closeAllConnections();
      for (const socket of handedOver) socket.destroy();
    },
  };
}

function create(options: ServerOptions, events: ServerEvents): SecureServer {
  const { tls, headTimeoutMs } = options;
  const http: HttpOptions = {
    maxHeaderSize: options.fieldsMaxBytes,
    headersTimeout: headTimeoutMs,
    // A whole upload may take long; what stands still, or nearly, is cut by `bodyIdleTimeoutMs`.
    requestTimeout: 0,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false, // `receive` answers with the envelope.
    noDelay: true,
    // Others, such as the h2c that Java's client offers with every request, go on as plain HTTP/1.1 (RFC 9110, 7.8). So
    // does an upgrade that comes before its turn: another request's answer would have to be written first.
    shouldUpgradeCallback: (request) => asksForWebSocket(request) && (request.socket as Kept)[latest]?.closed !== false,
  };
  const handshakeFailed = (reason: string, address: string | undefined): void =>
    events.handshakeFailed(reason, plainAddress(address));
  const made =
    tls === null
      ? { server: createServer(http), secure: () => {} }
      : createSecureServer(http, tls, headTimeoutMs, handshakeFailed);
  made.server.maxHeadersCount = 0;
  // An old option that Node does not document: without it, Node ends a connection when its caller stops sending.
  (made.server as Server & { httpAllowHalfOpen: boolean }).httpAllowHalfOpen = true;
  return made;
}

function tellOfRequests(server: Server, events: ServerEvents, reception: Reception, handedOver: Set<Socket>): void {
  const serve = (awaitsContinue: boolean) => (request: IncomingMessage, response: ServerResponse) => {
    const socket: Kept = request.socket;
    if (socket[latest]?.closed === false) isBehind(response, socket[latest]);
    socket[latest] = response;
    events.request(headOf(request), new NodeDownstream(request, response, reception, awaitsContinue));
  };
  server.on('request', serve(false));
  server.on('checkContinue', serve(true));
  server.on('checkExpectation', serve(false));
  server.on('upgrade', (request, socket: Socket, rest) => {
    addWhileOpen(handedOver, socket);
    events.upgrade(headOf(request), new UpgradeDownstream(request, socket, rest, reception));
  });
}

/** Answers what no exchange can be made of. */
function refuseUnreadable(
  server: Server,
  events: ServerEvents,
  handedOver: Set<Socket>,
  refusalBody: RefusalBody,
): void {
  const refuseNow = (socket: Duplex, refusal: Refusal): void => {
    const id = refuseRaw(socket, refusal, refusalBody);
    closeSoon(socket);
    events.unreadable(refusal, plainAddress((socket as Socket).remoteAddress), id);
  };
  server.on('connect', (_request, socket: Socket) => {
    // Node's server has taken its own listeners off: unheard, a reset would end the process.
    socket.on('error', ignoreError);
    addWhileOpen(handedOver, socket);
    refuseNow(socket, refuse('malformed', 'CONNECT is not served here.'));
    socket.resume(); // To its end, which would go unnoticed otherwise.
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Kept) => {
    const refusal = unreadable(error.code);
    if (refusal === null || !socket.writable) return void socket.destroy();
    if (socket[unread] === true) return; // Every further byte is reported again.
    socket[unread] = true;
    onceAnswered(socket, () => refuseNow(socket, refusal));
  });
}

function addWhileOpen(to: Set<Socket>, socket: Socket): void {
  to.add(socket);
  socket.once('close', () => to.delete(socket));
}

function headOf(request: IncomingMessage): RequestHead {
  // Node keeps the fields in an object, too. A secret must be in one place only, from where it can be taken.
  if (request.headers.authorization !== undefined) request.headers.authorization = '';
  return {
    method: request.method as string,
    target: request.url as string,
    version: request.httpVersion,
    fields: request.rawHeaders,
    peer: plainAddress(request.socket.remoteAddress),
    secure: 'encrypted' in request.socket,
  };
}

/** The refusal for a parser's error; null: the connection is gone, there is nobody to tell. */
function unreadable(code: string | undefined): Refusal | null {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      return refuse('fieldsTooLarge');
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return refuse('requestTimeout');
    case 'ECONNRESET':
    case 'EPIPE':
      return null;
    default:
      return refuse('malformed', 'The request is not valid HTTP/1.1.');
  }
}

/** Answers are given in the order of the requests: the refusal of what follows on a connection has to wait. */
function onceAnswered(socket: Kept, refuseNow: () => void): void {
  const response = socket[latest];
  if (response === undefined || response.closed) return void refuseNow();
  // The body of the latest request is what can't be read: the refusal is its answer, if it is its turn.
  const isOurs = !response.req.complete && !response.headersSent && response.socket !== null;
  if (isOurs) refuseNow();
  else response.once('close', () => socket.writable && refuseNow());
}

/** An answer where Node has no response object, and the end of the connection. Returns the request id that it names. */
function refuseRaw(socket: Duplex, refusal: Refusal, refusalBody: RefusalBody): string {
  const id = randomUUID();
  const { status } = refusalTable[refusal.name];
  const body = refusalBody(refusal);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json; charset=utf-8\r\n` +
      `Cache-Control: no-store\r\nX-Request-Id: ${id}\r\nDate: ${new Date().toUTCString()}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  return id;
}
