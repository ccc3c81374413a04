/** A Weir in the middle of its work: the simulator behind it, and callers who ask for more than the limits. */
import { type Dispatcher, Pool } from 'undici';
import { ask, type Told } from '../../support/ask.ts';
import { testFile } from '../../support/files.ts';
import { operatorToken } from '../../support/operator.ts';
import {
  adminPassword,
  login,
  type RunningSimulator,
  type RunningWeir,
  startSimulatorProcess,
  startWeir,
} from '../../support/weir.ts';

/** Below what the simulator grants. Of `contacts` each but the first waits for minutes. */
const config = JSON.stringify({
  limits: {
    messages: { rate: 20, burst: 20, holdMaxMs: 600_000 },
    contacts: { rate: 0.005, burst: 1, holdMaxMs: 600_000 },
  },
  ops: { token: operatorToken, figuresMaxAgeMs: 0 },
});
const bodies = {
  messages: '{"to":"16315551000","type":"text","text":{"body":"hello"}}',
  contacts: '{"blocking":"wait","contacts":["+16315551000"]}',
} as const;

type Class = keyof typeof bodies;

export class Scene implements AsyncDisposable {
  readonly opsUrl: string;
  readonly simulator: RunningSimulator;
  readonly #weir: RunningWeir;
  readonly #opened: AsyncDisposableStack;
  readonly #pool: Pool;
  readonly #tokens: ReadonlyMap<string, string>;
  #goesOn = true;

  private constructor(
    weir: RunningWeir,
    simulator: RunningSimulator,
    tokens: ReadonlyMap<string, string>,
    opened: AsyncDisposableStack,
  ) {
    this.opsUrl = weir.opsUrl;
    this.simulator = simulator;
    this.#weir = weir;
    this.#tokens = tokens;
    this.#opened = opened;
    this.#pool = new Pool(weir.url, { connections: null, headersTimeout: 0 });
  }

  /** @param users who may ask */
  static async start(users: readonly string[]): Promise<Scene> {
    await using opened = new AsyncDisposableStack();
    const simulator = opened.use(await startSimulatorProcess());
    const { path } = opened.use(await testFile('weir.yaml', config));
    const weir = opened.use(await startWeir({ COREAPP_URL: simulator.url, WEIR_CONFIG: path }));
    const fields = { authorization: `Bearer ${await login(weir.url)}` };
    const tokens = new Map<string, string>();
    for (const username of users) {
      const made = await ask('POST', `${weir.url}/v1/users`, { fields, body: { username, password: adminPassword } });
      if (made.status !== 201) throw new Error(`no user ${username}: ${made.text}`);
      tokens.set(username, await login(weir.url, username));
    }
    return new Scene(weir, simulator, tokens, opened.move());
  }

  /** One request. Resolves to the status of its answer; to 0 if it has none when the scene ends. @param id its `X-Request-Id` */
  async send(user: string, to: Class, id?: string): Promise<number> {
    const headers = {
      authorization: `Bearer ${this.#tokens.get(user)}`,
      'content-type': 'application/json',
      prefer: 'wait=600',
      ...(id === undefined ? {} : { 'x-request-id': id }),
    };
    const asked: Dispatcher.RequestOptions = { method: 'POST', path: `/v1/${to}`, headers, body: bodies[to] };
    try {
      const { statusCode, body } = await this.#pool.request(asked);
      await body.dump();
      return statusCode;
    } catch (error) {
      if (this.#goesOn) throw error;
      return 0;
    }
  }

  /** Until the end so many requests of the user are under way: the next begins once one has its answer. */
  crowd(user: string, to: Class, count: number): void {
    const goOn = async (): Promise<void> => {
      while (this.#goesOn) await this.send(user, to);
    };
    for (let i = 0; i < count; i++) void goOn();
  }

  /** Of Weir. */
  get pid(): number {
    return this.#weir.process.pid;
  }

  /** What the ops port says to an operator. */
  async see(path: string, method = 'GET'): Promise<Told> {
    return await ask(method, this.opsUrl + path, { fields: { authorization: `Bearer ${operatorToken}` } });
  }

  /** Weir ends, and nobody takes its place. */
  async end(): Promise<void> {
    this.#goesOn = false;
    await this.#pool.destroy();
    await this.#weir[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#opened.disposeAsync();
  }
}
