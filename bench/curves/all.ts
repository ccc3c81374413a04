/** Each curve: what it starts, and its points. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../../test/support/certificates.ts';
import { startRedis } from '../../test/support/redis.ts';
import { startWeir } from '../contestants.ts';
import { cpuMs } from '../cpu.ts';
import { body, connections, Load, requestTo } from '../measure.ts';
import { Held, heldLimits } from './held.ts';
import { cpu, each, median, type Point, type Rounds } from './rounds.ts';
import { callersToken, makeTokens } from './tokens.ts';

interface Measured {
  readonly title: string;
  readonly measure: (url: string, rounds: Rounds) => Promise<Point[]>;
}

const free = '{ rate: 1000000, burst: 1000000 }';

export const curves: readonly Measured[] = [
  { title: 'connections', measure: (url, rounds) => byConnections(url, rounds, false) },
  { title: 'connections, TLS', measure: (url, rounds) => byConnections(url, rounds, true) },
  { title: 'bytes of a body', measure: byBody },
  { title: 'callers, a token each', measure: byCallers },
  { title: 'buckets of one class', measure: byBuckets },
  { title: 'requests held beside', measure: byHeld },
  { title: 'replicas on one Redis', measure: byReplicas },
];

async function byConnections(url: string, rounds: Rounds, secure: boolean): Promise<Point[]> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-tls-'));
  try {
    const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    const { cert, key } = createAuthority('weir bench').issue('localhost', ['localhost']);
    await writeFile(files.certFile, cert);
    await writeFile(files.keyFile, key);
    await using weir = await startWeir(url, [], '', free, undefined, secure ? files : null);
    await using load = new Load();
    await load.warmUp(weir, { tls: secure });
    return await each([1, 4, 16, 64, 256, 1_000, 5_000], rounds, (many) =>
      // Each round opens them anew, and has to be much longer than that takes.
      cpu(load, weir, many < 1_000 ? rounds : { ...rounds, ms: 8 * rounds.ms }, { connections: many, tls: secure }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function byBody(url: string, rounds: Rounds): Promise<Point[]> {
  await using weir = await startWeir(url, [], '', '{ rate: 1000000, burst: 1000000, bodyMaxBytes: 10000000 }');
  await using load = new Load();
  await load.warmUp(weir);
  return await each([1, 150, 1_000, 10_000, 60_000, 100_000, 1_000_000, 10_000_000], rounds, (bytes) =>
    cpu(load, weir, rounds, {
      request: requestTo(weir.port, weir.token, 'x'.repeat(bytes)),
      // All of them together are less than one caller may have.
      connections: bytes > 1_000_000 ? 2 : bytes >= 100_000 ? 4 : 64,
    }),
  );
}

/** Users with a token each, in Redis: which of them sends a request changes with each. */
async function byCallers(url: string, rounds: Rounds): Promise<Point[]> {
  const xs = [1, 10, 100, 1_000, 10_000, 100_000];
  await using redis = await startRedis();
  await makeTokens(redis.url, Math.min(rounds.most, Math.max(...xs)));
  const settings = `redis: { url: "${redis.url}" }\nauth: { tokenMemoryMax: 200000 }\n`;
  await using weir = await startWeir(url, [], settings, free);
  await using load = new Load();
  await load.warmUp(weir);
  const request = requestTo(weir.port, callersToken('{nnnnnn}'));
  return await each(xs, rounds, (numbers) => cpu(load, weir, rounds, { request, numbers }));
}

async function byBuckets(url: string, rounds: Rounds): Promise<Point[]> {
  const limits = `{ rate: 1000000, burst: 1000000, scope: "header:X-Number", scopesMax: 100000, callerShareMax: 1 }`;
  await using weir = await startWeir(url, [], '', limits);
  await using load = new Load();
  const request = requestTo(weir.port, weir.token, body, 'X-Number: {n}\r\n');
  await load.warmUp(weir, { request, numbers: 1 });
  return await each([1, 10, 100, 1_000, 10_000, 100_000], rounds, (numbers) =>
    cpu(load, weir, rounds, { request, numbers }),
  );
}

/** In a class of their own. Not more: a process may have 20,000 open files here (`ulimit -Hn`). */
async function byHeld(url: string, rounds: Rounds): Promise<Point[]> {
  await using weir = await startWeir(url, [], 'http: { connectionsMax: 100000 }\n', free + heldLimits);
  await using load = new Load();
  await load.warmUp(weir);
  await using held = new Held(weir);
  return await each([0, 100, 1_000, 5_000, 10_000], rounds, async (wanted) => {
    await held.until(wanted);
    return await cpu(load, weir, rounds, {});
  });
}

/** All replicas together, for a request to any of them. */
async function byReplicas(url: string, rounds: Rounds): Promise<Point[]> {
  await using started = new AsyncDisposableStack();
  const redis = started.use(await startRedis());
  const fleet: { readonly weir: Awaited<ReturnType<typeof startWeir>>; readonly load: Load }[] = [];
  return await each([1, 2, 4, 8], rounds, async (replicas) => {
    while (fleet.length < replicas) {
      const weir = started.use(await startWeir(url, [], `redis: { url: "${redis.url}" }\n`, free));
      const load = started.use(new Load());
      await load.warmUp(weir);
      fleet.push({ weir, load });
    }
    return await median(rounds.rounds, async () => {
      const spent = (): number => fleet.reduce((sum, { weir }) => sum + cpuMs(weir.child.pid), 0);
      const before = spent();
      const how = { connections: connections / replicas };
      const measured = await Promise.all(fleet.map(({ weir, load }) => load.on(weir, rounds.ms, how)));
      const requests = measured.reduce((sum, one) => sum + one.requests, 0);
      return ((spent() - before) * 1_000) / requests;
    });
  });
}
