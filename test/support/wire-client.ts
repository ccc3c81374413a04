/** Exchanges over the client of src/wire/client/, and all that their observers were told, in order. */
import { afterEach, beforeEach } from 'vitest';
import type { CoreappCall, CoreappFailure, CoreappObserver, CoreappRequest } from '../../src/upstream/ports.ts';
import { CoreappConnections } from '../../src/wire/client/coreapp.ts';
import { within } from './until.ts';
import { answer, say, startUpstream, type Upstream } from './upstream.ts';

type Options = ConstructorParameters<typeof CoreappConnections>[0];

/** Nothing ends by itself, unless the options say so. */
export function connectClient(options: Partial<Options> & Pick<Options, 'url'>) {
  const coreapp = new CoreappConnections({
    connectTimeoutMs: 60_000,
    answerTimeoutMs: 60_000,
    tls: { ca: null, cert: null, key: null },
    connectionsMax: 1,
    connectionMaxAgeMs: 3_600_000,
    ...options,
  });
  return {
    send: (request: Partial<CoreappRequest> = {}, told: Partial<CoreappObserver> = {}) =>
      new Exchange(coreapp, request, told),
    /** Of a request that is answered: its status and body. */
    ask: async (request: Partial<CoreappRequest> = {}): Promise<readonly [status: number, body: string]> => {
      const { head, body, ended } = new Exchange(coreapp, request, {});
      await ended();
      return [head(), body()];
    },
    close: () => coreapp.close(),
    [Symbol.asyncDispose]: () => coreapp.close(),
  };
}

export type Client = ReturnType<typeof connectClient>;

/** For each test of the file: an upstream that answers 200, and a client of it. */
export function wireClient() {
  const wire = {
    upstream: undefined as unknown as Upstream,
    client: undefined as unknown as Client,
    /** Another client, with other options. */
    async reconnect(options: Partial<Options>): Promise<void> {
      await wire.client.close();
      wire.client = connectClient({ url: wire.upstream.url, ...options });
    },
  };
  beforeEach(async () => {
    wire.upstream = await startUpstream(say(answer(200, {}, 'ok')));
    wire.client = connectClient({ url: wire.upstream.url });
  });
  afterEach(async () => {
    await wire.client.close();
    await wire.upstream.stop();
  });
  return wire;
}

export class Exchange implements CoreappObserver {
  /** What was told, as words: `may`, `103`, `head 200`, `data 5`, `end`, `broken`. */
  readonly told: string[] = [];
  readonly informations: (readonly [number, readonly string[]])[] = [];
  readonly call: CoreappCall;
  fields: readonly string[] = [];
  trailers: readonly string[] = [];
  failure: CoreappFailure | null = null;
  readonly #asked: Partial<CoreappObserver>;
  readonly #parts: Buffer[] = [];
  readonly #end = Promise.withResolvers<void>();
  #status = 0;

  constructor(
    coreapp: { send(request: CoreappRequest, observer: CoreappObserver): CoreappCall },
    request: Partial<CoreappRequest>,
    asked: Partial<CoreappObserver>,
  ) {
    this.#asked = asked;
    this.call = coreapp.send({ method: 'GET', target: '/', fields: [], checked: 0, body: null, ...request }, this);
  }

  readonly head = (): number => this.#status;
  readonly body = (): string => Buffer.concat(this.#parts).toString('latin1');
  /** When it has ended, however. */
  readonly ended = (): Promise<void> => within(this.#end.promise, { what: 'the end of the exchange' });
  /** How it ended: null where it was answered. */
  readonly failed = async (): Promise<CoreappFailure | null> => {
    await this.ended();
    return this.failure;
  };

  mayWrite(): boolean {
    this.told.push('may');
    return this.#asked.mayWrite?.() ?? true;
  }

  onInformation(status: number, fields: readonly string[]): void {
    this.told.push(`${status}`);
    this.informations.push([status, fields]);
    this.#asked.onInformation?.(status, fields);
  }

  onHead(status: number, fields: readonly string[]): void {
    this.told.push(`head ${status}`);
    this.#status = status;
    this.fields = fields;
    this.#asked.onHead?.(status, fields);
  }

  onData(chunk: Buffer): boolean {
    this.told.push(`data ${chunk.length}`);
    this.#parts.push(chunk);
    return this.#asked.onData?.(chunk) ?? true;
  }

  onEnd(trailers: readonly string[]): void {
    this.told.push('end');
    this.trailers = trailers;
    this.#asked.onEnd?.(trailers);
    this.#end.resolve();
  }

  onFailure(failure: CoreappFailure): void {
    this.told.push(failure.cause);
    this.failure = failure;
    this.#asked.onFailure?.(failure);
    this.#end.resolve();
  }
}
