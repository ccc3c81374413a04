/** One attempt of a request to switch protocols, over the request that http-proxy-3 has made, until it is answered. */
import { hash } from 'node:crypto';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Downstream } from '../../exchange/ports.ts';
import { type Fields, fieldOf, fieldsOf } from '../../http/fields.ts';
import { isFinal } from '../../http/status.ts';
import type { CoreappCall, CoreappFailure, CoreappObserver } from '../../upstream/ports.ts';

/** A caller that asks to switch protocols. */
export interface SwitchingDownstream extends Downstream {
  readonly socket: Socket;
  /** Set by the time the observer has been told of a 101: its fields towards the caller. */
  readonly switching: Fields | null;
}

type Carrier = (answer: IncomingMessage, coreapp: Socket, rest: Buffer) => void;

/** For the 'error' of a socket, which 'close' follows. Without a listener it would end the process. */
const ignoreError = (): void => {};

/** One attempt, until it is answered. */
export class Asking implements CoreappCall {
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
    downstream: SwitchingDownstream,
    fields: Fields,
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
      const bytes = request.socket?.bytesRead;
      // If this process itself was late, what has come meanwhile is read first.
      setImmediate(() => {
        // An answer that waits for the caller to take it is not late.
        if (this.#answer?.isPaused() === true) return;
        if (request.socket?.bytesRead === bytes) this.#destroy('timeout');
        else request.setTimeout(answerTimeoutMs);
      });
    });
    request.on('information', ({ statusCode, rawHeaders }) => this.#observer.onInformation(statusCode, rawHeaders));
    request.on('response', (answer) => this.#relay(answer));
    // http-proxy-3 would carry whatever comes after a 101, so it sees only a 101 that is what was asked for.
    const carriers = request.listeners('upgrade') as Carrier[];
    request.removeAllListeners('upgrade').on('upgrade', (answer, coreapp: Socket, rest) => {
      if (!this.#switches(fields, answer, coreapp, downstream)) return;
      for (const carry of carriers) carry(answer, coreapp, rest);
      opened(downstream.socket, coreapp);
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

  /** Whether both connections are to be joined: the caller has agreed to what its 101 says. */
  #switches(asked: Fields, answer: IncomingMessage, coreapp: Socket, downstream: SwitchingDownstream): boolean {
    // Node's client has let go of it.
    coreapp.on('error', ignoreError);
    this.#phase = 'answering';
    const wrong = wrongSwitch(asked, answer.rawHeaders);
    if (wrong !== null) this.#failed(new Error(wrong));
    if (!this.#over) this.#observer.onHead(101, answer.rawHeaders);
    if (this.#why !== null) this.#failed(new Error('given up'));
    if (this.#over) {
      coreapp.destroy();
      return false;
    }
    // Which http-proxy-3 writes.
    const switching = asHeaders(downstream.switching ?? []);
    answer.headers = { Connection: 'Upgrade', Upgrade: 'websocket', ...switching };
    return true;
  }

  #relay(answer: IncomingMessage): void {
    this.#answer = answer;
    this.#phase = 'answering';
    answer.on('error', (error) => this.#failed(error));
    const status = answer.statusCode as number;
    if (!isFinal(status)) {
      this.#failed(new Error(`${status} is no status of an answer`));
      this.#request?.destroy();
      return;
    }
    answer.on('data', (chunk: Buffer) => {
      if (!this.#observer.onData(chunk)) answer.pause();
    });
    answer.on('end', () => this.#end(() => this.#observer.onEnd(answer.rawTrailers)));
    this.#observer.onHead(status, answer.rawHeaders);
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

/** Appended to a key before it is hashed (RFC 6455, 1.3). */
const acceptSalt = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64. */
const wholeKey = /^[A-Za-z0-9+/]{22}==$/;

/**
 * What is wrong with a 101; null: nothing. It has to switch to the protocol that was asked for (RFC 9110, 7.8), and to
 * have read the request (RFC 6455, 4.1). A malformed key is for the Coreapp to refuse.
 */
function wrongSwitch(asked: Fields, answered: Fields): string | null {
  const [protocol, ...others] = fieldsOf(answered, 'upgrade');
  if (protocol?.trim().toLowerCase() !== 'websocket' || others.length > 0) return 'a 101 to another protocol';
  const key = fieldOf(asked, 'sec-websocket-key');
  if (key === null || !wholeKey.test(key)) return null;
  const [accept, ...more] = fieldsOf(answered, 'sec-websocket-accept');
  const right = accept?.trim() === hash('sha1', key + acceptSalt, 'base64') && more.length === 0;
  return right ? null : 'a 101 with the Sec-WebSocket-Accept of another request';
}

/** Fields in the form that Node's requests take, and http-proxy-3 writes: several lines of one name as an array. */
export function asHeaders(fields: Fields): Record<string, string[]> {
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
