/** The Coreapp, over a pool of kept-alive connections (undici). */
import type { LookupFunction } from 'node:net';
import type { Dispatcher } from 'undici';
import { buildConnector, errors, Pool } from 'undici';
import { contextOptions, type TlsMaterial } from '../../config/tls-material.ts';
import type { BodyFile } from '../../exchange/bodies.ts';
import type { Fields } from '../../http/fields.ts';
import { isFinal, isInformational } from '../../http/status.ts';
import type { Coreapp, CoreappCall, CoreappFailure, CoreappObserver, CoreappRequest } from '../../upstream/ports.ts';
import { BodyLost, FileStream, TooLate } from './file-stream.ts';
import { withoutContinue } from './without-continue.ts';

export interface CoreappOptions {
  /** Origin, such as `http://127.0.0.1:8081`. */
  readonly url: string;
  /** Milliseconds until a connection has to stand. */
  readonly connectTimeoutMs: number;
  /** Milliseconds until the head of the answer has to be there, and between its parts. */
  readonly answerTimeoutMs: number;
  /** Where the URL is https. */
  readonly tls: TlsMaterial;
  /** As many as there can be permits, so that no request ever queues inside the pool. */
  readonly connectionsMax: number;
  /**
   * Milliseconds after which, or a little sooner, a connection takes no further request: a changed address is noticed.
   */
  readonly connectionMaxAgeMs: number;
  /** Not there: as Node does it, with each connection. */
  readonly lookup?: LookupFunction;
}

const idleMaxMs = 4_000;

export interface CoreappConnections extends Coreapp {
  close(): Promise<void>;
}

export function connectCoreapp(options: CoreappOptions): CoreappConnections {
  const pools = new Pools(options);
  return {
    send({ method, target, fields, body }: CoreappRequest, observer: CoreappObserver): CoreappCall {
      const path = target;
      if (body === null || Buffer.isBuffer(body)) {
        return new Call(observer, null).start((call) => {
          pools.young().dispatch({ method, path, headers: fields as string[], body }, call);
        });
      }
      // With the length, undici sends no chunks, and breaks the connection over a body that has another length.
      const headers = [...fields, 'Content-Length', String(body.bytes)];
      return new Call(observer, body).start((call) => {
        pools.young().dispatch({ method, path, headers, body: call.stream }, call);
      });
    },
    close: () => pools.close(),
  };
}

/**
 * One pool takes requests; once it is old a new one does, and the connections of the old one close when what is in
 * flight has ended. (undici's own `clientTtl` looks at the clock for each busy connection with each request, 7 µs where
 * there are 64.)
 */
class Pools {
  readonly #options: CoreappOptions;
  readonly #connect: buildConnector.connector;
  readonly #old = new Set<Pool>();
  #young: Pool;
  #oldAt = 0;

  constructor(options: CoreappOptions) {
    this.#options = options;
    this.#connect = connectorOf(options);
    this.#young = this.#open();
  }

  young(): Pool {
    if (performance.now() >= this.#oldAt) this.#renew();
    return this.#young;
  }

  async close(): Promise<void> {
    await Promise.all([this.#young, ...this.#old].map((pool) => pool.destroy()));
  }

  #renew(): void {
    const old = this.#young;
    this.#old.add(old);
    const closed = (): void => void this.#old.delete(old);
    old.close().then(closed, closed);
    this.#young = this.#open();
  }

  #open(): Pool {
    const { url, connectionsMax, answerTimeoutMs, connectionMaxAgeMs } = this.#options;
    // Replicas that were started together are not to open their connections together.
    this.#oldAt = performance.now() + connectionMaxAgeMs * (1 - Math.random() / 10);
    return new Pool(url, {
      connections: connectionsMax,
      // One request at a time on a connection: a slow answer must not hold up others, and "not a byte was written"
      // stays true.
      pipelining: 1,
      connect: this.#connect,
      headersTimeout: answerTimeoutMs,
      bodyTimeout: answerTimeoutMs,
      // Shorter than the idle timeouts that servers commonly have (Node's is 5 s): a connection that the other end
      // closes just as a message is written would cost that message its replay.
      keepAliveTimeout: idleMaxMs,
      // The Coreapp's own Keep-Alive may ask for less. Where it offers more, it does not get it.
      keepAliveMaxTimeout: idleMaxMs,
    });
  }
}

function connectorOf({ connectTimeoutMs, tls, lookup }: CoreappOptions): buildConnector.connector {
  const connect = buildConnector({
    timeout: connectTimeoutMs,
    // Where the Coreapp's TLS offers HTTP/2, undici would take it: many requests on one connection, all lost with it.
    allowH2: false,
    ...contextOptions(tls),
    ...(lookup === undefined ? {} : { lookup }),
  });
  return (where, tell) => {
    connect(where, (...[error, socket]) => {
      if (error === null) tell(null, withoutContinue(socket));
      else tell(error, null);
    });
  };
}

class Call implements Dispatcher.DispatchHandler, CoreappCall {
  /** The body, where it is in a file. */
  readonly stream: FileStream | null;
  readonly #observer: CoreappObserver;
  #controller: Dispatcher.DispatchController | null = null;
  #phase: CoreappFailure['phase'] = 'unsent';
  #aborted = false;
  #isStarting = false;

  constructor(observer: CoreappObserver, file: BodyFile | null) {
    this.#observer = observer;
    this.stream = file === null ? null : new FileStream(file, () => this.#writes());
  }

  /**
   * A late request does not get as far as undici. One that ends while it is dispatched leaves its connection marked as
   * free a moment later, whatever has been sent on it by then, and the next request would wait behind that.
   */
  start(dispatch: (call: this) => void): this {
    if (this.#observer.mayWrite()) {
      this.#isStarting = true;
      dispatch(this);
      this.#isStarting = false;
    } else {
      this.onResponseError(null, new TooLate());
    }
    return this;
  }

  resume(): void {
    this.#controller?.resume();
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new errors.RequestAbortedError());
  }

  /**
   * undici calls this right before it writes, so a failure that comes earlier has sent nothing. The head goes with the
   * body's first bytes: where these come from a file, only then.
   */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#aborted) controller.abort(new errors.RequestAbortedError());
    // Thrown, it ends the request alone; an abort would end the connection, and the next attempt would be as late.
    else if (!this.#isStarting && !this.#observer.mayWrite()) throw new TooLate();
    else if (this.stream === null) this.#phase = 'sent';
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    const fields = textFields(controller.rawHeaders);
    if (isInformational(status)) {
      this.#observer.onInformation(status, fields);
      return;
    }
    this.#phase = 'answering';
    // undici takes any three digits for a status.
    if (isFinal(status)) this.#observer.onHead(status, fields);
    else controller.abort(new errors.ResponseError('not a status of HTTP', status, {}));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.#observer.onData(chunk)) controller.pause();
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.stream?.destroy();
    this.#observer.onEnd(textFields(controller.rawTrailers));
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    this.stream?.destroy();
    // Where a name has several addresses and all fail, Node's error has no message of its own.
    const detail = error.message === '' ? ((error as NodeJS.ErrnoException).code ?? error.name) : error.message;
    this.#observer.onFailure({ phase: this.#phase, cause: this.#causeOf(error), detail });
  }

  #writes(): boolean {
    if (!this.#observer.mayWrite()) return false;
    this.#phase = 'sent';
    return true;
  }

  #causeOf(error: Error): CoreappFailure['cause'] {
    if (this.#aborted) return 'aborted';
    if (error instanceof BodyLost) return 'body';
    if (error instanceof TooLate) return 'late';
    if (this.#phase === 'unsent') return error instanceof errors.InvalidArgumentError ? 'invalid' : 'connect';
    const late = error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError;
    return late ? 'timeout' : 'broken';
  }
}

/** Field lines as text. HTTP field values are octets; Latin-1 keeps each of them (RFC 9110, 5.5). */
function textFields(raw: Dispatcher.DispatchController['rawHeaders']): Fields {
  if (!Array.isArray(raw)) return [];
  return (raw as (Buffer | string)[]).map((part) => (typeof part === 'string' ? part : part.toString('latin1')));
}
