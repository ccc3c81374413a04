/** The caller's side of a request to switch protocols: answered like any other until its connection is handed over. */
import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Fields } from '../../http/fields.ts';
import { ignoreError, NodeDownstream, type Reception } from './downstream.ts';

/** True for what Weir can carry: a handshake as RFC 6455, 4.1, has it. Others may be ignored (RFC 9110, 7.8). */
export function asksForWebSocket({ method, headers, httpVersion }: IncomingMessage): boolean {
  const noBody = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
  return headers.upgrade?.toLowerCase() === 'websocket' && method === 'GET' && httpVersion === '1.1' && noBody;
}

export class UpgradeDownstream extends NodeDownstream {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** The fields of the 101; null: there is none yet. Whoever carries the connection from then on writes them. */
  switching: Fields | null = null;
  readonly #response: ServerResponse;
  readonly #rest: Buffer;
  readonly #hangUp = (): void => void this.socket.destroy();

  /** @param rest what came after the request's head */
  constructor(request: IncomingMessage, socket: Socket, rest: Buffer, reception: Reception) {
    const response = responseOn(request, socket);
    super(request, response, reception, false);
    this.request = request;
    this.socket = socket;
    this.#response = response;
    this.#rest = rest;
    // Half a connection is no use to an answer: Node's server ends it, too.
    socket.once('end', this.#hangUp);
  }

  override head(status: number, fields: Fields): void {
    if (status !== 101) return void super.head(status, fields);
    this.switching = fields;
    this.socket.off('end', this.#hangUp);
    this.#response.detachSocket(this.socket);
    if (this.#rest.length > 0) this.socket.unshift(this.#rest);
  }

  override page(status: number, fields: Fields, body: string): void {
    if (this.switching === null) super.page(status, fields, body);
    else this.socket.destroy(); // It is a tunnel's, and no answer of HTTP's can come any more.
  }

  override cut(): void {
    if (this.switching === null) super.cut();
    else this.socket.destroy();
  }

  override end(trailers: Fields): boolean {
    return this.switching !== null || super.end(trailers);
  }
}

/** Node's server has let go of the connection; this gives it a response again, the last one. */
function responseOn(request: IncomingMessage, socket: Socket): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket);
  response.on('finish', () => {
    response.detachSocket(socket);
    socket.destroySoon();
    response.emit('close');
  });
  socket.on('drain', () => response.emit('drain'));
  socket.on('error', ignoreError);
  return response;
}
