/**
 * Requests to switch protocols (RFC 9110, 7.8: WebSocket), over http-proxy-3. It makes the request and, after a 101,
 * carries the bytes both ways. The observer is told of every other end, since http-proxy-3 would write it to the caller
 * at once: a 503 that is to be replayed, an answer that lacks Weir's fields.
 */
import { type ClientRequest, IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import { createProxyServer, type ProxyServer } from 'http-proxy-3';
import { contextOptions, type TlsMaterial } from '../../config/tls-material.ts';
import type { CoreappRequest, Tunnels } from '../../upstream/ports.ts';
import { Asking, asHeaders, type SwitchingDownstream } from './asking.ts';

export interface HttpProxyTunnels extends Tunnels<SwitchingDownstream> {
  /** How many there are. */
  readonly open: number;
  /** Ends the tunnels that are open, and each that would open from now on. */
  close(): void;
}

interface TunnelOptions {
  /** Origin of the Coreapp. */
  readonly url: string;
  /** What the requests say as `Host`; null, or not there: the host of the URL. */
  readonly host?: string | null;
  readonly connectTimeoutMs: number;
  /** Milliseconds until the head of the answer has to be there, and between the parts of one that is no 101. */
  readonly answerTimeoutMs: number;
  /** Where the URL is https. */
  readonly tls: TlsMaterial;
}

/** After this silence TCP asks whether the other end still lives: a tunnel has no time limit of its own. */
const probeAfterMs = 60_000;
/** Once one end has gone: how long the other may take nothing before it is cut off. */
const lastBytesMs = 10_000;

export function createTunnels(options: TunnelOptions): HttpProxyTunnels {
  const secure = options.url.startsWith('https:');
  const proxy = createProxyServer({
    target: options.url,
    changeOrigin: true,
    toProxy: true, // The target as it is: read as a URL, it could become another than the one that was routed.
    connectTimeout: options.connectTimeoutMs,
    ...(options.host == null ? {} : { headers: { host: options.host } }),
    ...(secure ? { agent: new Agent(contextOptions(options.tls)) } : {}),
  });
  // Sockets that break are followed by 'close'; without a listener this event would end the process.
  proxy.on('error', () => {});
  const open = new OpenTunnels();
  return {
    over: (downstream, told) => ({
      send(what, observer) {
        const asking = new Asking(observer, secure, () => open.has(downstream.socket) || told.ended());
        const join = (caller: Socket, coreapp: Socket): void => {
          open.join(caller, coreapp);
          caller.once('close', () => told.ended());
        };
        told.asked();
        asking.start(options.answerTimeoutMs, downstream, what.fields, join, () => request(proxy, downstream, what));
        return asking;
      },
    }),
    get open() {
      return open.size;
    },
    close: () => open.close(),
  };
}

function request(proxy: ProxyServer, { socket }: SwitchingDownstream, what: CoreappRequest): ClientRequest {
  // In the form in which Node's server would have brought it.
  const request = new IncomingMessage(socket);
  request.method = what.method;
  request.url = what.target;
  request.headers = { ...asHeaders(what.fields), connection: 'Upgrade', upgrade: 'websocket' };
  // It listens to the caller's socket anew for each attempt.
  socket.setMaxListeners(0);
  let made: ClientRequest | undefined;
  const keep = (request: ClientRequest): void => {
    made = request;
  };
  proxy.once('proxyReqWs', keep);
  try {
    proxy.ws(request, socket, Buffer.alloc(0), {}, () => {});
  } finally {
    proxy.off('proxyReqWs', keep);
  }
  if (made === undefined) throw new Error('http-proxy-3 made no request');
  // Its own listeners would answer, and end the caller's connection.
  return made.removeAllListeners('response').removeAllListeners('error');
}

/** The Coreapp's connection by its caller's. */
class OpenTunnels extends Map<Socket, Socket> {
  #closing = false;

  join(caller: Socket, coreapp: Socket): void {
    this.set(caller, coreapp);
    for (const socket of [caller, coreapp]) socket.setKeepAlive(true, probeAfterMs);
    caller.once('close', (broke) => {
      this.delete(caller);
      if (broke) coreapp.destroy();
      else coreapp.destroySoon();
    });
    endTogether(caller, coreapp);
    endTogether(coreapp, caller);
    if (this.#closing) end(caller, coreapp);
  }

  close(): void {
    this.#closing = true;
    for (const [caller, coreapp] of this) end(caller, coreapp);
  }
}

/** One side has gone. The other still gets what that side had sent, if it takes it; then it is ended as well. */
function endTogether(first: Socket, other: Socket): void {
  first.once('close', () => other.setTimeout(lastBytesMs, () => other.destroy()));
}

function end(caller: Socket, coreapp: Socket): void {
  coreapp.destroy();
  caller.destroySoon();
}
