/** A replica of several workers as real processes on a Redis of its own, in front of an upstream that answers when told to. */
import type { Socket } from 'node:net';
import { ask, type Told } from './ask.ts';
import type { ProcessOptions } from './processes.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { until } from './until.ts';
import { answer, startUpstream } from './upstream.ts';
import { login, type RunningWeir, startWeir } from './weir.ts';

export interface WorkerStatus {
  readonly worker: number;
  readonly pid: number | null;
  readonly state: string;
  readonly restarts: number;
  readonly connections: number;
}

export class RunningWorkers implements AsyncDisposable {
  readonly weir: RunningWeir;
  readonly redis: TestRedis;
  readonly token: string;
  /** Requests that the upstream has got and not answered. */
  readonly waiting: Socket[];
  readonly #others: AsyncDisposableStack;
  readonly #hold: { on: boolean };

  private constructor(
    weir: RunningWeir,
    redis: TestRedis,
    token: string,
    waiting: Socket[],
    hold: { on: boolean },
    others: AsyncDisposableStack,
  ) {
    this.weir = weir;
    this.redis = redis;
    this.token = token;
    this.waiting = waiting;
    this.#hold = hold;
    this.#others = others;
  }

  /**
   * @param env on top of two workers and no limit that matters
   * @param spawned called when the process has been started, and does not serve yet
   */
  static async start(
    env: Readonly<Record<string, string>> = {},
    options: Omit<ProcessOptions, 'env'> = {},
    spawned: () => void = () => {},
  ): Promise<RunningWorkers> {
    await using opened = new AsyncDisposableStack();
    const waiting: Socket[] = [];
    const hold = { on: false };
    const upstream = opened.use(
      await startUpstream((_, socket) => {
        if (hold.on) waiting.push(socket);
        else socket.write(answer(200, {}, 'ok'));
      }),
    );
    const redis = opened.use(await startRedis());
    const all = { WEIR_WORKERS: '2', REDIS_URL: redis.url, COREAPP_URL: upstream.url, ...env };
    const starting = startWeir(all, options);
    spawned();
    const weir = opened.use(await starting);
    return new RunningWorkers(weir, redis, await login(weir.url), waiting, hold, opened.move());
  }

  /** One request on a connection of its own. @param id its `X-Request-Id`; not there: Weir makes one */
  get(path = '/v1/contacts', id?: string): Promise<Told> {
    const named = id === undefined ? {} : { 'x-request-id': id };
    return ask('GET', this.weir.url + path, { fields: { authorization: `Bearer ${this.token}`, ...named } });
  }

  /** Resolves to what becomes of each: an answer, or the code of how its connection broke. */
  async ended(requests: readonly Promise<Told>[]): Promise<(number | string)[]> {
    const codeOf = ({ code }: NodeJS.ErrnoException): string => code ?? 'no code';
    return await Promise.all(requests.map((one) => one.then(({ status }) => status, codeOf)));
  }

  /** So many requests, all of which the upstream has. @param idOf their ids by their numbers from 0 on */
  async inFlight(count: number, idOf?: (number: number) => string): Promise<Promise<Told>[]> {
    this.#hold.on = true;
    const requests = Array.from({ length: count }, (_, i) => this.get('/v1/contacts', idOf?.(i)));
    for (const request of requests) request.catch(() => {});
    await until(() => this.waiting.length === count, { what: 'all requests at the upstream' });
    return requests;
  }

  /** Those that it has, and whatever comes. */
  answerAll(): void {
    this.#hold.on = false;
    for (const socket of this.waiting.splice(0)) if (!socket.destroyed) socket.write(answer(200, {}, 'ok'));
  }

  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects.
  async status(): Promise<any> {
    return (await ask('GET', `${this.weir.opsUrl}/status`)).json;
  }

  async workers(): Promise<readonly WorkerStatus[]> {
    return ((await this.status()) as { workers: { each: WorkerStatus[] } }).workers.each;
  }

  /** The sum of a counter over its labels. */
  async counter(name: string, labels = ''): Promise<number> {
    const { text } = await ask('GET', `${this.weir.opsUrl}/metrics`);
    const values = text.split('\n').filter((line) => line.startsWith(name) && line.includes(labels));
    return values.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Resolves when that sum is so much: a worker that is busy may tell later what it has counted. */
  async countsTo(value: number, name: string, labels = ''): Promise<void> {
    await until(async () => (await this.counter(name, labels)) === value, { what: `${name} to be ${value}` });
  }

  /** How many requests each worker has served, by the log. */
  async servedByLog(total: number): Promise<ReadonlyMap<number, number>> {
    const served = () =>
      this.weir.process.stdout
        .map((line) => JSON.parse(line))
        .filter(({ msg, path }) => msg === 'request' && path === '/v1/contacts');
    const lines = await until(() => (served().length >= total ? served() : null), { what: 'a line for each request' });
    return new Map(
      [...Map.groupBy(lines, ({ worker }) => worker as number)].map(([worker, ones]) => [worker, ones.length]),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.answerAll();
    await this.#others.disposeAsync();
  }
}

/** Whether no process has this id any more. */
export const isGone = (pid: number): boolean => {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
};
