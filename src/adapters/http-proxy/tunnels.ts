/**
 * Requests to switch protocols (RFC 9110, 7.8: WebSocket), over http-proxy-3. It makes the request and, after a 101,
 * carries the bytes both ways. Every other end is told to the observer, since http-proxy-3 would write it to the caller
 * at once: a 503 that is to be replayed, an answer that lacks Weir's fields.
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import { createProxyServer } from 'http-proxy-3';
import type { Fields } from '../../model/exchange.ts';
import { fieldOf } from '../../model/fields.ts';
import { contextOptions, type TlsMaterial } from '../../model/tls.ts';
import type { Caller, CoreappCall, CoreappFailure, CoreappObserver, CoreappRequest, Tunnels } from '../../ports.ts';

/** A caller whose connection Node's server has let go of. */
interface Connection extends Caller {
  readonly request: IncomingMessage;
  readonly socket: Socket;
  /** Set by the time the observer has been told of a 101: its fields towards the caller. */
  readonly switching: Fields | null;
}

export interface HttpProxyTunnels extends Tunnels {
  /** Ends those that are open, and each that would open from now on. */
  close(): void;
}

export interface TunnelOptions {
  /** Origin of the Coreapp. */
  readonly url: string;
  readonly connectTimeoutMs: number;
  /** Milliseconds until the head of the answer has to be there, and between the parts of one that is no 101. */
  readonly answerTimeoutMs: number;
  /** Where the URL is https. */
  readonly tls: TlsMaterial;
}

/** After this silence TCP asks whether the other end still lives: a tunnel has no time limit of its own. */
const probeAfterMs = 60_000;

export function createTunnels(options: TunnelOptions): HttpProxyTunnels {
  const secure = options.url.startsWith('https:');
  const proxy = createProxyServer({
    target: options.url,
    changeOrigin: true,
    toProxy: true, // The target as it is: read as a URL, it could become another than the one that was routed.
    connectTimeout: options.connectTimeoutMs,
    ...(secure ? { agent: new Agent(contextOptions(options.tls)) } : {}),
  });
  // Sockets that break are followed by 'close'; without a listener this event would end the process.
  proxy.on('error', () => {});
  const asked = new Set<Asking>();
  const open = new Map<Socket, Socket>();
  let closing = false;

  const request = ({ request, socket }: Connection, { target, fields }: CoreappRequest): ClientRequest => {
    request.url = target;
    request.headers = { ...asHeaders(fields), connection: 'Upgrade', upgrade: 'websocket' };
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
    // Its own would answer, and end the caller's connection.
    return made.removeAllListeners('response').removeAllListeners('error');
  };
  const opened = (caller: Socket, coreapp: Socket): void => {
    open.set(caller, coreapp);
    for (const socket of [caller, coreapp]) socket.setKeepAlive(true, probeAfterMs);
    caller.once('close', () => {
      open.delete(caller);
      coreapp.destroySoon();
    });
    if (closing) end(caller, coreapp);
  };
  return {
    get count() {
      return asked.size + open.size;
    },
    over: (side) => ({
      send(what, observer) {
        if (!isConnection(side)) throw new Error('This caller did not ask to switch protocols.');
        const asking = new Asking(observer, secure, () => asked.delete(asking));
        asked.add(asking);
        asking.start(options.answerTimeoutMs, side, opened, () => request(side, what));
        return asking;
      },
    }),
    close() {
      closing = true;
      for (const [caller, coreapp] of open) end(caller, coreapp);
    },
  };
}

function isConnection(side: Caller): side is Connection {
  return 'switching' in side;
}

function end(caller: Socket, coreapp: Socket): void {
  coreapp.destroy();
  caller.destroySoon();
}

/** One attempt, until it is answered. */
class Asking implements CoreappCall {
  readonly #observer: CoreappObserver;
  /** By which event a connection shows that the request can be written. */
  readonly #connected: 'secureConnect' | 'connect';
  readonly #ended: () => void;
  #request: ClientRequest | null = null;
  #answer: IncomingMessage | null = null;
  #phase: CoreappFailure['phase'] = 'unsent';
  #why: 'timeout' | 'aborted' | null = null;
  #over = false;
  #answerTimeoutMs = 0;

  constructor(observer: CoreappObserver, secure: boolean, ended: () => void) {
    this.#observer = observer;
    this.#connected = secure ? 'secureConnect' : 'connect';
    this.#ended = ended;
  }

  start(
    answerTimeoutMs: number,
    connection: Connection,
    opened: (caller: Socket, coreapp: Socket) => void,
    make: () => ClientRequest,
  ): void {
    let request: ClientRequest;
    try {
      request = make();
    } catch (error) {
      this.#failed(error as Error, 'invalid');
      return;
    }
    this.#request = request;
    this.#answerTimeoutMs = answerTimeoutMs;
    request.on('socket', (socket) =>
      socket.once(this.#connected, () => {
        this.#phase = 'sent';
      }),
    );
    request.on('error', (error) => this.#failed(error));
    request.setTimeout(answerTimeoutMs).on('timeout', () => {
      // One that waits for the caller to take it is not late.
      if (this.#answer?.isPaused() !== true) this.#destroy('timeout');
    });
    request.on('information', ({ statusCode, rawHeaders }) => this.#observer.onInformation(statusCode, rawHeaders));
    request.on('response', (answer) => this.#relay(answer));
    // Before http-proxy-3, which writes what `headers` says then.
    request.prependListener('upgrade', (answer) => {
      this.#observer.onHead(101, answer.rawHeaders);
      const upgrade = fieldOf(answer.rawHeaders, 'upgrade') ?? 'websocket';
      answer.headers = { Connection: 'Upgrade', Upgrade: upgrade, ...asHeaders(connection.switching ?? []) };
    });
    request.on('upgrade', (_answer, coreapp) => {
      opened(connection.socket, coreapp);
      this.#end(() => this.#observer.onEnd([]));
    });
  }

  resume(): void {
    // A socket tells of its silence once; after a pause in which nothing came it has to be asked again.
    this.#request?.setTimeout(this.#answerTimeoutMs);
    this.#answer?.resume();
  }

  abort(): void {
    this.#destroy('aborted');
  }

  #relay(answer: IncomingMessage): void {
    this.#answer = answer;
    this.#phase = 'answering';
    answer.on('data', (chunk: Buffer) => {
      if (!this.#observer.onData(chunk)) answer.pause();
    });
    answer.on('end', () => this.#end(() => this.#observer.onEnd(answer.rawTrailers)));
    answer.on('error', (error) => this.#failed(error));
    this.#observer.onHead(answer.statusCode as number, answer.rawHeaders);
  }

  #destroy(why: 'timeout' | 'aborted'): void {
    if (this.#over) return;
    this.#why ??= why;
    this.#request?.destroy();
  }

  #failed(error: Error, cause: CoreappFailure['cause'] = this.#cause()): void {
    const detail = error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
    this.#end(() => this.#observer.onFailure({ phase: this.#phase, cause, detail }));
  }

  #cause(): CoreappFailure['cause'] {
    if (this.#why === 'aborted') return 'aborted';
    if (this.#phase === 'unsent') return 'connect';
    return this.#why ?? 'broken';
  }

  #end(tell: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended();
    tell();
  }
}

/** Fields in the form that Node's requests take, and http-proxy-3 writes: several lines of one name as an array. */
function asHeaders(fields: Fields): Record<string, string[]> {
  const headers = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    const value = fields[i + 1] as string;
    const before = headers.get(name.toLowerCase());
    if (before === undefined) headers.set(name.toLowerCase(), { name, values: [value] });
    else before.values.push(value);
  }
  return Object.fromEntries([...headers.values()].map(({ name, values }) => [name, values]));
}
