/** Replicas as real processes on one Redis, in front of a simulator that counts and lets everything pass. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Quota } from '../../src/model/quota.ts';
import { type CrowdOrder, type CrowdReport, runCrowd } from './crowd.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { pass } from './until.ts';
import {
  login,
  loginAnswer,
  type RunningSimulator,
  type RunningWeir,
  startSimulatorProcess,
  startWeir,
} from './weir.ts';

/** Limits that are overloaded, in classes of their own: the documented one, and a large one. */
export const classes = {
  messages: { quota: { rate: 50, burst: 150 }, path: '/v1/messages' },
  contacts: { quota: { rate: 1_000, burst: 1_000 }, path: '/v1/contacts' },
} as const;
export type Counted = keyof typeof classes;

/** What the simulator counted of one class. */
export interface Overload {
  readonly name: Counted;
  readonly quota: Quota;
  /** Milliseconds of the simulator's clock. */
  readonly sent: readonly number[];
  /** From the first to the last of these. */
  readonly seconds: number;
  /** How many each replica has sent. */
  readonly shares: readonly number[];
}

const body = '{"blocking":"wait","contacts":["+16315551000"],"to":"16315551000","type":"text","text":{"body":"hello"}}';
const warmUp = { path: '/v1/media', atOnce: 64, ratePerS: 2_000, ms: 1_000 };
const config = {
  limits: {
    ...Object.fromEntries(
      Object.entries(classes).map(([name, { quota }]) => [
        name,
        { ...quota, holdMaxMs: 60_000, lineMaxRequests: 100_000 },
      ]),
    ),
    media: { rate: 5_000, burst: 5_000 },
  },
  // Nobody is to be turned away, or to go on alone, because the machine is slow.
  redis: { callTimeoutMs: 1_000 },
};

export class RunningFleet implements AsyncDisposable {
  readonly simulator: RunningSimulator;
  readonly redis: TestRedis;
  readonly replicas: RunningWeir[] = [];
  readonly #folder: string;
  #token = '';
  /** Nobody has asked for anything that is counted since then. */
  #quietSince = Number.NEGATIVE_INFINITY;

  private constructor(simulator: RunningSimulator, redis: TestRedis, folder: string) {
    this.simulator = simulator;
    this.redis = redis;
    this.#folder = folder;
  }

  static async start(): Promise<RunningFleet> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-fleet-'));
    await writeFile(join(folder, 'weir.yaml'), JSON.stringify(config));
    return new RunningFleet(await startSimulatorProcess(['--no-limits']), await startRedis(), folder);
  }

  get urls(): string[] {
    return this.replicas.map(({ url }) => url);
  }

  /** Until there are so many; each gets the next of `envs`, in turn, on top of what all have. */
  async grow(count: number, envs: readonly Readonly<Record<string, string>>[] = [{}]): Promise<void> {
    const { simulator, redis, replicas } = this;
    const all = { COREAPP_URL: simulator.url, REDIS_URL: redis.url, WEIR_CONFIG: join(this.#folder, 'weir.yaml') };
    const missing = Array.from({ length: count - replicas.length }, (_, i) =>
      startWeir({ ...all, ...envs[(replicas.length + i) % envs.length] }),
    );
    replicas.push(...(await Promise.all(missing)));
    if (this.#token === '') this.#token = await login(this.urls[0] as string);
    // The first of a process run through cold code and open its connections; those behind them would seem early.
    await this.ask(warmUp);
  }

  /** Callers who ask, taking turns over the replicas or over those named. */
  async ask(
    order: Omit<CrowdOrder, 'urls' | 'token' | 'body'>,
    urls: readonly string[] = this.urls,
  ): Promise<CrowdReport> {
    const report = await runCrowd({ ...order, urls, token: this.#token, body });
    if (order.path !== warmUp.path) this.#quietSince = performance.now();
    return report;
  }

  /** One request, on a connection of its own. */
  async post(url: string, path: string): Promise<void> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json', connection: 'close' };
    const response = await fetch(url + path, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }

  /** What a replica takes for the date: when a token ends that it gives now. Milliseconds. */
  async dateAt(url: string): Promise<number> {
    return Date.parse((await loginAnswer(url)).expires_after);
  }

  /** Four times each limit, in all classes at a time. */
  overload(ms: number): Promise<Overload[]> {
    return Promise.all((Object.keys(classes) as Counted[]).map((name) => this.#overloaded(name, ms)));
  }

  async #overloaded(name: Counted, ms: number): Promise<Overload> {
    const { quota, path } = classes[name];
    const fullAt = this.#quietSince + (1_000 * quota.burst) / quota.rate;
    await pass(Math.max(0, fullAt - performance.now()));
    const ratePerS = 4 * quota.rate;
    const before = (await this.simulator.arrivals(name)).length;
    // Were the first to come one by one, a crowd that stumbles would leave tokens to nobody, who does not wait.
    const atOnce = Math.min(ratePerS / 10, 150);
    const { answered } = await this.ask({ path, atOnce, ratePerS, ms });
    const arrivals = (await this.simulator.arrivals(name)).slice(before).map(([at]) => at);
    // Those that come while everybody hangs up are not counted.
    const sent = arrivals.filter((at) => at <= (arrivals[0] as number) + 0.95 * ms);
    const seconds = ((sent.at(-1) as number) - (sent[0] as number)) / 1_000;
    return { name, quota, sent, seconds, shares: answered.map((statuses) => statuses['200'] ?? statuses['201'] ?? 0) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.replicas, this.simulator, this.redis].map((one) => one[Symbol.asyncDispose]()));
    await rm(this.#folder, { recursive: true });
  }
}
