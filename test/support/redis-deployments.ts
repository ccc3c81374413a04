/** Redis as it is deployed, each of the test's own: one server, a primary that Sentinel watches, a cluster. */
import { Command, Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { startRedis, startSentinel, type TestRedis } from './redis.ts';
import { until } from './until.ts';

export interface RedisDeployment extends AsyncDisposable {
  readonly kind: 'server' | 'sentinel' | 'cluster';
  readonly url: string;
  /** All that there are, Sentinels not included. */
  readonly servers: readonly TestRedis[];
  readonly sentinel: TestRedis | null;
  /** The server that has a key now. */
  ownerOf(key: string): Promise<TestRedis>;
  /** Resolves when another server than `before` has the key and takes writes. */
  takenOver(key: string, before: TestRedis): Promise<TestRedis>;
  /** Resolves when another server could take the place of the one that has a key. */
  inStep(key: string): Promise<void>;
}

/** How a deployment is guarded: by a user who may only what docs/how-to/set-up-redis.md says, by TLS. */
interface Guarded {
  readonly user?: boolean;
  /** Paths of PEM files. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

const password = 'p@ss/w:rd,100%';
/** Of the user `weir`, also at Sentinels; as a URL has it. */
export const login = `weir:${encodeURIComponent(password)}@`;

/** What docs/how-to/set-up-redis.md says that Weir's user needs. */
const aclRule = ['~weir:*', '&weir:revoked', '+@all', '-@dangerous', '+info', '+config|get'];

function guardArgs({ user = false, tls }: Guarded, tlsPort: number): string[] {
  const files = tls && ['--tls-ca-cert-file', tls.ca, '--tls-cert-file', tls.cert, '--tls-key-file', tls.key];
  return [
    ...(user ? ['--user', 'weir', 'on', `>${password}`, ...aclRule] : []),
    ...(files === undefined ? [] : ['--tls-port', `${tlsPort}`, '--tls-auth-clients', 'no', ...files]),
  ];
}

const urlOf = (scheme: string, { user, tls }: Guarded, ports: readonly number[], rest = ''): string => {
  const [first, ...others] = scheme.split('-');
  const secure = [tls === undefined ? first : `${first}s`, ...others].join('-');
  return `${secure}://${user === true ? login : ''}${ports.map((port) => `127.0.0.1:${port}`).join(',')}${rest}`;
};

const replicating = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'];

export async function deployServer(args: readonly string[] = [], guarded: Guarded = {}): Promise<RedisDeployment> {
  const server = await startRedis(([tlsPort]) => [...args, ...guardArgs(guarded, tlsPort)]);
  return {
    kind: 'server',
    url: urlOf('redis', guarded, [guarded.tls === undefined ? server.port : server.more[0]], '/3'),
    servers: [server],
    sentinel: null,
    ownerOf: () => Promise.resolve(server),
    takenOver: () => Promise.reject(new Error('There is no other server.')),
    inStep: () => Promise.reject(new Error('There is no other server.')),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** A primary with two replicas (none with TLS), a Sentinel, and another in the URL that is dead. */
export async function deploySentinel(guarded: Guarded = {}): Promise<RedisDeployment> {
  const stack = new AsyncDisposableStack();
  const dead = await freePort();
  const primary = stack.use(await startRedis(([tlsPort]) => [...replicating, ...guardArgs(guarded, tlsPort)]));
  const { user = false, tls } = guarded;
  const servers = [primary];
  for (const _ of tls === undefined ? [1, 2] : []) {
    servers.push(stack.use(await startRedis(['--replicaof', '127.0.0.1', `${primary.port}`, ...replicating])));
  }
  const sentinel = stack.use(
    await startSentinel(tls === undefined ? primary.port : primary.more[0], ([tlsPort]) => [
      ...(user ? [`user weir on >${password} allchannels +@all`] : []),
      ...(tls === undefined ? [] : [`tls-port ${tlsPort}`, 'tls-auth-clients no', 'tls-replication yes']),
      ...(tls === undefined
        ? []
        : [`tls-ca-cert-file ${tls.ca}`, `tls-cert-file ${tls.cert}`, `tls-key-file ${tls.key}`]),
    ]),
  );
  const trusted = (count: number) =>
    until(async () => (await healthyReplicas(sentinel)) >= count, {
      what: 'Sentinel to trust the replicas',
    });
  await trusted(servers.length - 1);
  const ownerOf = async (): Promise<TestRedis> => {
    const told = await asked(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster');
    return servers.find(({ port }) => told.endsWith(`,${port}`)) as TestRedis;
  };
  const ownLogin = user ? `&sentinelUsername=weir&sentinelPassword=${encodeURIComponent(password)}` : '';
  const query = `master=mymaster${ownLogin}`;
  return {
    kind: 'sentinel',
    servers,
    sentinel,
    url: urlOf('redis-sentinel', guarded, [dead, tls === undefined ? sentinel.port : sentinel.more[0]], `/3?${query}`),
    ownerOf,
    takenOver: (_, before) => takenOver(ownerOf, before),
    async inStep() {
      await hasReplica(ownerOf);
      await trusted(1);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Three primaries, each with a replica if one is to take over. */
export async function deployCluster(wishes: Guarded & { readonly replicas: boolean }): Promise<RedisDeployment> {
  const { replicas, tls } = wishes;
  const stack = new AsyncDisposableStack();
  const nodes: TestRedis[] = [];
  for (let i = 0; i < (replicas ? 6 : 3); i++) nodes.push(stack.use(await startNode(wishes)));
  const [first, ...others] = nodes as [TestRedis, ...TestRedis[]];
  const slots = [0, 5_461, 10_923, 16_384];
  for (const [i, node] of nodes.slice(0, 3).entries()) {
    await asked(node, 'CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    await asked(node, 'CLUSTER', 'ADDSLOTSRANGE', slots[i] as number, (slots[i + 1] as number) - 1);
  }
  for (const { port, more } of others) await asked(first, 'CLUSTER', 'MEET', '127.0.0.1', port, more[0]);
  const know = async (node: TestRedis, text: string) => (await asked(node, 'CLUSTER', 'INFO')).includes(text);
  const all = (text: string, what: string) =>
    until(async () => (await Promise.all(nodes.map((node) => know(node, text)))).every(Boolean), {
      what,
    });
  await all(`cluster_known_nodes:${nodes.length}`, 'all nodes to know one another');
  for (const [i, node] of nodes.slice(3).entries()) {
    const id = await asked(nodes[i] as TestRedis, 'CLUSTER', 'MYID');
    await until(() => asked(node, 'CLUSTER', 'REPLICATE', id), { what: 'a replica to take its place' });
  }
  await all('cluster_state:ok', 'the cluster to be up');
  const ownerOf = async (key: string): Promise<TestRedis> => {
    const slot = new Command('get', [key]).getSlot();
    for (const node of nodes) {
      const ranges = await rangesOf(node).catch(() => null);
      const found = ranges?.find(([from, to]) => from <= slot && slot <= to);
      if (found !== undefined) return nodes.find(({ port }) => port === found[2][1]) as TestRedis;
    }
    throw new Error(`Nobody has the slot of ${key}.`);
  };
  if (replicas) for (const primary of nodes.slice(0, 3)) await hasReplica(async () => primary);
  return {
    kind: 'cluster',
    servers: nodes,
    sentinel: null,
    url: urlOf(
      'redis-cluster',
      wishes,
      nodes.map(({ port, more }) => (tls === undefined ? port : more[1])),
    ),
    ownerOf,
    takenOver: (key, before) => takenOver(() => ownerOf(key), before),
    inStep: (key) => hasReplica(() => ownerOf(key)),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function startNode(guarded: Guarded): Promise<TestRedis> {
  return await startRedis(([bus, tls]) => [
    ...['--cluster-enabled', 'yes', '--cluster-port', `${bus}`, '--cluster-node-timeout', '1500'],
    ...['--cluster-announce-ip', '127.0.0.1', ...replicating],
    ...guardArgs(guarded, tls),
    // Else nodes tell of their plain ports only, also to those who came over TLS.
    ...(guarded.tls === undefined ? [] : ['--tls-cluster', 'yes']),
  ]);
}

type Range = readonly [from: number, to: number, primary: readonly [string, number], ...unknown[]];

async function rangesOf(node: TestRedis): Promise<readonly Range[]> {
  await using client = connected(node);
  return (await client.redis.call('CLUSTER', 'SLOTS')) as Range[];
}

/** @param primary asked anew each time: on a busy machine another may have taken over meanwhile */
async function hasReplica(primary: () => Promise<TestRedis>): Promise<void> {
  await until(async () => (await asked(await primary(), 'INFO', 'replication')).includes('state=online'), {
    what: 'the replica to be in step',
  });
}

/** How many replicas the Sentinel knows that could take over. */
async function healthyReplicas(sentinel: TestRedis): Promise<number> {
  await using client = connected(sentinel);
  const replicas = (await client.redis.call('SENTINEL', 'REPLICAS', 'mymaster')) as string[][];
  const fields = replicas.map(
    (pairs) => new Map(pairs.flatMap((name, i) => (i % 2 === 0 ? [[name, pairs[i + 1]]] : []))),
  );
  return fields.filter((field) => field.get('flags') === 'slave' && field.get('master-link-status') === 'ok').length;
}

async function takenOver(ownerOf: () => Promise<TestRedis>, before: TestRedis): Promise<TestRedis> {
  return await until(
    async () => {
      const owner = await ownerOf();
      return owner !== before && (await asked(owner, 'ROLE')).startsWith('master') ? owner : null;
    },
    { what: 'another server to take over' },
  );
}

function connected({ port }: TestRedis): { readonly redis: Redis } & AsyncDisposable {
  const redis = new Redis({
    port,
    host: '127.0.0.1',
    commandTimeout: 5_000,
    retryStrategy: null,
    enableReadyCheck: false,
  });
  redis.on('error', () => {});
  return {
    redis,
    async [Symbol.asyncDispose]() {
      redis.disconnect();
    },
  };
}

/** The reply as text. */
export async function asked(server: TestRedis, command: string, ...args: (string | number)[]): Promise<string> {
  await using client = connected(server);
  return String(await client.redis.call(command, ...args));
}
