/** Replicas as real processes on one Redis, in front of a simulator. */
import type { Quota } from '../../src/admission/rate/quota.ts';
import { type CrowdOrder, type CrowdReport, runCrowd, startCrowd } from './crowd.ts';
import { testFile } from './files.ts';
import type { TestProcess } from './processes.ts';
import { startRedis } from './redis.ts';
import {
  login,
  loginAnswer,
  type RunningSimulator,
  type RunningWeir,
  startSimulatorProcess,
  startWeir,
} from './weir.ts';

/** An endpoint class whose limit is overloaded, and where its requests go. */
export interface CountedClass {
  readonly name: 'messages' | 'contacts' | 'media';
  readonly quota: Quota;
}

type Asking = Omit<CrowdOrder, 'urls' | 'token' | 'body'>;

export const pathOf = ({ name }: CountedClass): string => `/v1/${name}`;

const body = '{"blocking":"wait","contacts":["+16315551000"],"to":"16315551000","type":"text","text":{"body":"hello"}}';

/** Nobody is to be turned away, or to go on alone, because the machine is slow. */
const configOf = (classes: readonly CountedClass[]) => ({
  limits: Object.fromEntries(
    classes.map(({ name, quota }) => [name, { ...quota, holdMaxMs: 600_000, lineMaxRequests: 100_000 }]),
  ),
  redis: { callTimeoutMs: 10_000 },
});

interface FleetOptions {
  /** The replicas' file. Default: `fresh-figures.yaml`. */
  readonly config?: string;
  readonly simulatorArgs?: readonly string[];
  /** Default: a Redis of its own. */
  readonly redisUrl?: string;
}

export class RunningFleet implements AsyncDisposable {
  readonly simulator: RunningSimulator;
  readonly replicas: RunningWeir[] = [];
  /** The admin's, once there is a replica. */
  token = '';
  readonly #env: Readonly<Record<string, string>>;
  readonly #others: AsyncDisposableStack;

  private constructor(
    simulator: RunningSimulator,
    env: Readonly<Record<string, string>>,
    others: AsyncDisposableStack,
  ) {
    this.simulator = simulator;
    this.#env = env;
    this.#others = others;
  }

  static async start(count: number, { config, simulatorArgs, redisUrl }: FleetOptions = {}): Promise<RunningFleet> {
    await using opened = new AsyncDisposableStack();
    const file = config === undefined ? {} : { WEIR_CONFIG: opened.use(await testFile('weir.yaml', config)).path };
    const simulator = opened.use(await startSimulatorProcess(simulatorArgs));
    const REDIS_URL = redisUrl ?? opened.use(await startRedis()).url;
    const fleet = new RunningFleet(simulator, { COREAPP_URL: simulator.url, REDIS_URL, ...file }, opened.move());
    await fleet.grow(count);
    return fleet;
  }

  /** For counting what comes of these classes: the simulator's own limits are out of the way. */
  static counting(classes: readonly CountedClass[]): Promise<RunningFleet> {
    return RunningFleet.start(0, { config: JSON.stringify(configOf(classes)), simulatorArgs: ['--no-limits'] });
  }

  get urls(): string[] {
    return this.replicas.map(({ url }) => url);
  }

  /** Until there are so many; each gets the next of `envs`, in turn, on top of what all have. */
  async grow(count: number, envs: readonly Readonly<Record<string, string>>[] = [{}]): Promise<void> {
    const { length } = this.replicas;
    const missing = Array.from({ length: count - length }, (_, i) =>
      startWeir({ ...this.#env, ...envs[(length + i) % envs.length] }),
    );
    this.replicas.push(...(await Promise.all(missing)));
    if (count > 0 && this.token === '') this.token = await login(this.urls[0] as string);
  }

  /** Callers who ask, taking turns over the replicas. */
  ask(order: Asking): Promise<CrowdReport> {
    return runCrowd({ ...order, urls: this.urls, token: this.token, body });
  }

  /** Callers who ask one replica until they are disposed of. */
  crowdAt({ url }: RunningWeir, order: Asking): TestProcess {
    return startCrowd({ ...order, urls: [url], token: this.token, body });
  }

  /** One request, on a connection of its own. */
  async post(url: string, path: string): Promise<void> {
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json', connection: 'close' };
    const response = await fetch(url + path, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }

  /** What a replica takes for the date: when a token ends that it gives now. Milliseconds. */
  async dateAt(url: string): Promise<number> {
    return Date.parse((await loginAnswer(url)).expires_after);
  }

  /** How many requests wait in line at a replica. */
  async inLine({ opsUrl }: RunningWeir, { name }: CountedClass): Promise<number> {
    const status = (await (await fetch(`${opsUrl}/status`)).json()) as {
      readonly lines: readonly { readonly class: string; readonly requests: number }[];
    };
    return status.lines.find((line) => line.class === name)?.requests ?? 0;
  }

  /** When requests of a class came to the Coreapp, milliseconds of its clock. */
  async arrivals({ name }: CountedClass): Promise<number[]> {
    return (await this.simulator.arrivals(name)).map(([at]) => at);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((one) => one[Symbol.asyncDispose]()));
    await this.#others.disposeAsync();
  }
}
