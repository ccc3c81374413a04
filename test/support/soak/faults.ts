/** What may go wrong around Weir, one thing at a time or several, for a while each. */
import type { TestRedis } from '../redis.ts';
import { pass } from '../until.ts';
import type { RunningSimulator } from '../weir.ts';

interface FaultDeps {
  readonly simulator: RunningSimulator;
  /** Null: this run has none. */
  readonly redis: TestRedis | null;
  readonly random: () => number;
}

/** Goes wrong for so long, and is right again when the promise is settled. */
type Trouble = (deps: FaultDeps, ms: number) => Promise<void>;

const forms = ['none', 'seconds', 'date'];

const troubles: Readonly<Record<string, Trouble>> = {
  refusesAll: ({ simulator, random }, ms) =>
    between(simulator, ms, { overloaded: true, overloadedRetryAfter: pick(forms, random) }, { overloaded: false }),
  refusesConnections: ({ simulator }, ms) => between(simulator, ms, { listening: false }, { listening: true }),
  hasFewerWorkers: ({ simulator, random }, ms) =>
    between(
      simulator,
      ms,
      { workers: 1 + Math.floor(4 * random()), serviceMs: 20, queueMax: Math.floor(6 * random()) },
      { workers: null, serviceMs: null, queueMax: null },
    ),
  isSlow: ({ simulator, random }, ms) =>
    between(simulator, ms, { latencyMs: Math.floor(900 * random()) }, { latencyMs: null }),
  error429: (deps, ms) => {
    const throttled = { throttledRetryAfter: pick(forms, deps.random), throttledRetryAfterSeconds: 1 };
    return strikes('error429', throttled)(deps, ms);
  },
  error503: strikes('error503'),
  error500: strikes('error500'),
  resetOnConnect: strikes('resetOnConnect'),
  resetBeforeBody: strikes('resetBeforeBody'),
  resetAfterBody: strikes('resetAfterBody'),
  hang: strikes('hang'),
  truncate: strikes('truncate'),
  trickle: strikes('trickle', { trickleMs: 2 }),
};

const redisTroubles: Readonly<Record<string, Trouble>> = {
  async redisIsKilled({ redis }, ms) {
    await redis?.kill('SIGKILL');
    await pass(ms);
    await redis?.restart();
  },
  async redisStandsStill({ redis }, ms) {
    await redis?.kill('SIGSTOP');
    await pass(ms);
    await redis?.kill('SIGCONT');
  },
  async redisIsRestarted({ redis }) {
    await redis?.restart();
  },
};

/** Lets things go wrong until the time is over; all is well again when the promise is settled. Returns what went wrong. */
export async function stirUp(deps: FaultDeps, untilMs: number): Promise<string[]> {
  const said: string[] = [];
  const stir = async (kinds: Readonly<Record<string, Trouble>>): Promise<void> => {
    const names = Object.keys(kinds);
    while (performance.now() < untilMs) {
      await pass(50 + 500 * deps.random());
      const name = pick(names, deps.random);
      const ms = Math.ceil(Math.min(50 + 1_200 * deps.random() ** 2, Math.max(0, untilMs - performance.now())));
      said.push(`${name} ${ms}`);
      await kinds[name]?.(deps, ms);
    }
  };
  // Two at a time: trouble seldom comes alone.
  await Promise.all([stir(troubles), stir(troubles), deps.redis === null ? null : stir(redisTroubles)]);
  return said;
}

function strikes(name: string, settings: object = {}): Trouble {
  return async ({ simulator, random }, ms) => {
    const share = Math.round(100 * (0.1 + 0.9 * random())) / 100;
    await simulator.configure({ ...settings, faults: { [name]: { share, ms } } });
    await pass(ms);
  };
}

async function between(simulator: RunningSimulator, ms: number, during: object, after: object): Promise<void> {
  await simulator.configure(during);
  await pass(ms);
  await simulator.configure(after);
}

const pick = <T>(of: readonly T[], random: () => number): T => of[Math.floor(random() * of.length)] as T;
