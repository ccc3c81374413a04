/**
 * Two Weir processes and the simulator in front of a Redis that hangs, dies or is failed over, while the lines are full: what
 * happened, as the Coreapp, the callers and the log of each request saw it.
 */
import { Pool } from 'undici';
import { deployCluster, deploySentinel, deployServer, type RedisDeployment } from './redis-deployments.ts';
import { RunningFleet } from './running-fleet.ts';
import { pass, until } from './until.ts';
import { postMessage, type RunningSimulator, type RunningWeir } from './weir.ts';

export const quota = { rate: 50, burst: 150 };
const bucket = 'weir:{bucket:messages}';
/** So many messages are always on their way or in line. */
const inLine = 60;
const newcomerEveryMs = 100;

interface Scene {
  readonly redis: RedisDeployment;
  readonly simulator: RunningSimulator;
  readonly weirs: readonly RunningWeir[];
  /** How long the replicas took to share again, each time, from the moment that Redis served. */
  readonly backMs: number[];
}

interface Report {
  /** How often each status was answered to those in line, and to newcomers of a class that is far from its limit. */
  readonly answered: Readonly<Record<number, number>>;
  readonly newcomers: Readonly<Record<number, number>>;
  readonly actedTwice: number;
  /** When messages came to the Coreapp, milliseconds of its clock, and a moment before the first of them. */
  readonly arrivals: readonly number[];
  readonly since: number;
  /** How long one replica went on alone while the other did not: it takes its share on top, docs/reference/promises.md. */
  readonly loneSeconds: number;
  readonly backMs: readonly number[];
  /** The longest wait in line of a newcomer, and the longest stay of any request outside the line and the Coreapp. */
  readonly newcomerMs: number;
  readonly outsideMs: number;
}

interface Options {
  readonly deploy: () => Promise<RedisDeployment>;
  /** How long a replica waits for Redis. */
  readonly callTimeoutMs: number;
}

/** Two replicas under load, as long as `act` does to Redis what it does. */
async function play({ deploy, callTimeoutMs }: Options, act: (scene: Scene) => Promise<void>): Promise<Report> {
  await using redis = await deploy();
  const config = `redis: {callTimeoutMs: ${callTimeoutMs}}\nlimits: {default: {holdMaxMs: 120000}}\n`;
  await using fleet = await RunningFleet.start(2, { config, redisUrl: redis.url });
  const { simulator, replicas: weirs, urls, token } = fleet;
  const scene: Scene = { redis, simulator, weirs, backMs: [] };
  const { atMs: since } = (await simulator.seen()).jobs;

  let over = false;
  const load = Promise.all([keepFull(urls, token, () => over), comeNow(urls, token, () => over)]);
  try {
    await sent(scene, quota.burst + 20);
    await act(scene);
  } finally {
    over = true;
    await Promise.allSettled([load]);
  }
  const [answered, newcomers] = await load;
  const arrivals = (await simulator.arrivals('messages')).map(([at]) => at);
  const { count: actedTwice } = (await simulator.seen()).actedTwice;
  const { loneSeconds, newcomerMs, outsideMs } = logged(weirs);
  return {
    answered,
    newcomers,
    actedTwice,
    arrivals,
    since,
    loneSeconds,
    newcomerMs,
    outsideMs,
    backMs: scene.backMs,
  };
}

async function keepFull(urls: readonly string[], token: string, over: () => boolean): Promise<Record<number, number>> {
  const pools = urls.map((url) => new Pool(url, { connections: null, headersTimeout: 120_000 }));
  const answered: Record<number, number> = {};
  let number = 0;
  const caller = async (): Promise<void> => {
    while (!over()) {
      const id = number++;
      const status = await postMessage(pools[id % pools.length] as Pool, token, `m${id}`);
      answered[status] = (answered[status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: inLine }, caller));
  await Promise.all(pools.map((pool) => pool.close()));
  return answered;
}

async function comeNow(urls: readonly string[], token: string, over: () => boolean): Promise<Record<number, number>> {
  const answers: Promise<number>[] = [];
  while (!over()) {
    answers.push(...urls.map((url) => contact(url, token)));
    await pass(newcomerEveryMs);
  }
  const answered: Record<number, number> = {};
  for (const status of await Promise.all(answers)) answered[status] = (answered[status] ?? 0) + 1;
  return answered;
}

async function contact(url: string, token: string): Promise<number> {
  const response = await fetch(`${url}/v1/contacts`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ blocking: 'wait', contacts: ['+16315551000'] }),
  });
  await response.arrayBuffer();
  return response.status;
}

/** The line keeps moving. */
async function sent({ simulator }: Scene, count: number): Promise<void> {
  const arrived = async (): Promise<number> => (await simulator.arrivals('messages')).length;
  const before = await arrived();
  await until(async () => (await arrived()) >= before + count, { what: `${count} more messages` });
}

async function isAlone({ opsUrl }: RunningWeir): Promise<boolean> {
  const status = (await (await fetch(`${opsUrl}/status`)).json()) as { store: { fallback: boolean } };
  return status.store.fallback;
}

/** What happens to Redis lets each replica go on alone, though maybe not all at one time: the next Redis may be there soon. */
async function goAlone({ weirs }: Scene, happens: () => Promise<unknown>): Promise<void> {
  const said = ({ process }: RunningWeir): number => process.stdout.filter((line) => line.includes(away)).length;
  const before = new Map(weirs.map((weir) => [weir, said(weir)]));
  await happens();
  for (const weir of weirs) {
    const went = async (): Promise<boolean> => said(weir) > (before.get(weir) as number) || (await isAlone(weir));
    await until(went, { what: 'a replica to go on alone' });
  }
}

async function back({ weirs, backMs }: Scene): Promise<void> {
  const servesAt = performance.now();
  const sharing = async (): Promise<boolean> => !(await Promise.all(weirs.map(isAlone))).some(Boolean);
  await until(sharing, { what: 'the replicas to share again' });
  backMs.push(performance.now() - servesAt);
}

interface Logged {
  readonly time: string;
  readonly msg: string;
  readonly class?: string;
  readonly heldMs: number;
  readonly coreappMs: number;
  readonly totalMs: number;
}

const away = 'limits: Redis does not serve; going on with a share';
const there = 'limits: Redis serves again; shared by all replicas';

function logged(weirs: readonly RunningWeir[]): Pick<Report, 'loneSeconds' | 'newcomerMs' | 'outsideMs'> {
  const lines = weirs.flatMap(({ process }) => process.stdout.map((line) => JSON.parse(line) as Logged));
  const requests = lines.filter(({ class: name }) => name === 'messages' || name === 'contacts');
  const outside = requests.map(({ totalMs, heldMs, coreappMs }) => totalMs - heldMs - coreappMs);
  const newcomers = requests.filter(({ class: name }) => name === 'contacts').map(({ heldMs }) => heldMs);
  const turns = lines
    .filter(({ msg }) => msg === away || msg === there)
    .map(({ time, msg }) => ({ at: Date.parse(time), by: msg === away ? 1 : -1 }))
    .toSorted((a, b) => a.at - b.at);
  let [loneMs, lonely, since] = [0, 0, 0];
  for (const { at, by } of turns) {
    if (lonely === 1) loneMs += at - since;
    lonely += by;
    since = at;
  }
  return { loneSeconds: loneMs / 1_000, newcomerMs: Math.max(...newcomers), outsideMs: Math.max(...outside) };
}

/** What a process has said, of two messages, in the order of saying. */
function told({ process }: RunningWeir, ...messages: readonly string[]): string[] {
  return process.stdout.map((line) => (JSON.parse(line) as Logged).msg).filter((message) => messages.includes(message));
}

/** Both outages, in and out: a line for what happened, one for what it means for the limits; none twice in a row. */
async function toldTwice(weirs: readonly RunningWeir[]): Promise<void> {
  for (const weir of weirs) {
    for (const turn of [
      ['Redis is away', 'Redis is back'],
      [away, there],
    ] as const) {
      const now = () => told(weir, ...turn);
      const isWhole = () => now().length >= 4 && now().at(-1) === turn[1];
      await until(isWhole, { what: `${turn.join(', ')}, twice` });
      if (now().some((message, index) => message !== turn[index % 2])) throw new Error(`It said: ${now().join('; ')}`);
    }
  }
}

export type SceneName = keyof typeof scenes;

export const scenes = {
  'a server that is stopped for a while, and then killed': (callTimeoutMs: number): Promise<Report> => {
    const deploy = () => deployServer(['--appendonly', 'yes', '--appendfsync', 'always']);
    return play({ deploy, callTimeoutMs }, async (scene) => {
      const server = await scene.redis.ownerOf(bucket);
      await goAlone(scene, () => server.kill('SIGSTOP'));
      await sent(scene, 40);
      await server.kill('SIGCONT');
      await back(scene);

      await sent(scene, 40);
      await goAlone(scene, () => server.kill('SIGKILL'));
      await sent(scene, 40);
      await server.restart();
      await back(scene);
      await toldTwice(scene.weirs);
      await sent(scene, 40);
    });
  },
  'a primary behind Sentinel that dies, and its successor that hangs': (callTimeoutMs: number): Promise<Report> =>
    play({ deploy: () => deploySentinel(), callTimeoutMs }, async (scene) => {
      const { redis } = scene;
      const first = await redis.ownerOf(bucket);
      await goAlone(scene, () => first.kill('SIGKILL'));
      await redis.takenOver(bucket, first);
      await back(scene);

      await redis.inStep(bucket);
      const second = await redis.ownerOf(bucket);
      // Whether a replica notices before Sentinel does depends on who is quicker.
      await second.kill('SIGSTOP');
      await redis.takenOver(bucket, second);
      await sent(scene, 40);
      await back(scene);
      await sent(scene, 40);
    }),
  'a primary of a cluster that dies': (callTimeoutMs: number): Promise<Report> =>
    play({ deploy: () => deployCluster({ replicas: true }), callTimeoutMs }, async (scene) => {
      const { redis } = scene;
      const primary = await redis.ownerOf(bucket);
      await goAlone(scene, () => primary.kill('SIGKILL'));
      await redis.takenOver(bucket, primary);
      await back(scene);
      await sent(scene, 40);
    }),
} as const;
