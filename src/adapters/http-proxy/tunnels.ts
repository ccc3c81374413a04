/**
 * Connections that change their protocol (RFC 9110, 7.8: WebSocket), over http-proxy-3. Once switched, bytes pass both
 * ways until either side ends; there is nothing to hold or to replay any more.
 */
import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createProxyServer } from 'http-proxy-3';
import type { Fields } from '../../model/exchange.ts';
import { contextOptions, type TlsMaterial } from '../../model/tls.ts';
import type { BodyRead, Caller, TunnelEnd, Tunnels } from '../../ports.ts';

export interface HttpProxyTunnels extends Tunnels {
  /** The caller's side of a request to upgrade, as Node's server hands it over. */
  readonly callerOf: (request: IncomingMessage, socket: Duplex, rest: Buffer) => Caller;
}

export interface TunnelOptions {
  /** Origin of the Coreapp. */
  readonly url: string;
  readonly connectTimeoutMs: number;
  /** Where the URL is https. */
  readonly tls: TlsMaterial;
}

export function createTunnels(options: TunnelOptions): HttpProxyTunnels {
  const proxy = createProxyServer({
    target: options.url,
    changeOrigin: true,
    connectTimeout: options.connectTimeoutMs,
    ...(options.url.startsWith('https:') ? { agent: new Agent(contextOptions(options.tls)) } : {}),
  });
  // Every failure reaches the callback of its own tunnel; without a listener this one would end the process.
  proxy.on('error', () => {});
  return {
    callerOf: (request, socket, rest) => new UpgradeCaller(request, socket as Socket, rest),
    open: (fields, side, failed) =>
      new Promise((resolve) => {
        if (!(side instanceof UpgradeCaller)) throw new Error('This caller did not ask to upgrade.');
        const { request, socket, rest } = side;
        let end: TunnelEnd = 'closed';
        socket.once('close', () => resolve(end));
        request.headers = asHeaders(fields, request.headers.upgrade ?? '');
        proxy.ws(request, socket, rest, {}, () => {
          end = 'unreachable';
          if (socket.bytesWritten === side.bytesBefore) failed();
        });
      }),
  };
}

/** Knows only what a request without a body needs: to wait, to hang up, to be refused. */
class UpgradeCaller implements Caller {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly rest: Buffer;
  /** What the connection had carried before, by which a failure tells whether an answer has begun. */
  readonly bytesBefore: number;
  readonly bodyBytes = 0;
  gone = false;
  #onGone: (() => void) | null = null;

  constructor(request: IncomingMessage, socket: Socket, rest: Buffer) {
    this.request = request;
    this.socket = socket;
    this.rest = rest;
    this.bytesBefore = socket.bytesWritten;
    // Whatever breaks a socket is followed by 'close'; unheard, 'error' would end the process.
    socket.on('error', () => {});
    socket.once('close', () => {
      this.gone = true;
      this.#onGone?.();
    });
  }

  onGone(listener: (() => void) | null): void {
    this.#onGone = listener;
  }

  read(): Promise<BodyRead> {
    return Promise.resolve({ kind: 'body', body: null });
  }

  page(status: number, fields: Fields, body: string): void {
    const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`];
    for (let i = 0; i < fields.length; i += 2) lines.push(`${fields[i]}: ${fields[i + 1]}`);
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', '', body);
    this.socket.end(lines.join('\r\n'));
  }

  cut(): void {
    this.socket.destroy();
  }

  // The proxy writes the Coreapp's answer itself.
  information(): void {}
  head(): void {}
  data(): boolean {
    return true;
  }
  onDrain(): void {}
  end(): void {}
}

/** Fields in the form that http-proxy forwards, with the two of this hop put back. */
function asHeaders(fields: Fields, upgrade: string): IncomingMessage['headers'] {
  const headers: Record<string, string> = {};
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    const before = headers[name];
    headers[name] = before === undefined ? (fields[i + 1] as string) : `${before}, ${fields[i + 1]}`;
  }
  return { ...headers, connection: 'Upgrade', upgrade };
}
