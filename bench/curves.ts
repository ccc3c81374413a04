/**
 * CPU a request against what there is more or less of: `npm run bench:curves [-- FILE.svg]`. README.md says how to read it.
 */
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../test/support/certificates.ts';
import { until } from '../test/support/until.ts';
import { messageOf, startChild } from './child.ts';
import { run } from './command.ts';
import { startWeir, type Weir } from './contestants.ts';
import { type Curve, drawing } from './drawing.ts';
import type { HoldersOrder, HoldersReport } from './holders.ts';
import { body, Load, requestTo } from './measure.ts';

const roundMs = 1_500;
const rounds = 3;
const free = '{ rate: 1000000, burst: 1000000 }';

type Point = readonly [x: number, cpuUs: number];

async function main(): Promise<void> {
  const [file = 'docs/reference/performance.svg'] = process.argv.slice(2);
  await using upstream = startChild('bench/upstream.ts');
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  const url = `http://127.0.0.1:${port}`;
  const curves: Curve[] = [];
  const draw = (title: string, points: readonly Point[]): void => {
    console.log(`${title}: ${points.map(([x, us]) => `${x}: ${us.toFixed(0)}`).join(', ')} µs`);
    curves.push({ title, points });
  };
  draw('connections', await byConnections(url, false));
  draw('connections, TLS', await byConnections(url, true));
  draw('bytes of a body', await byBody(url));
  draw('buckets of one class', await byBuckets(url));
  draw('requests held beside', await byHeld(url));
  writeFileSync(file, drawing(curves));
  console.log(`${file}: written`);
}

async function byConnections(url: string, secure: boolean): Promise<Point[]> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-tls-'));
  try {
    const files = { certFile: join(folder, 'cert.pem'), keyFile: join(folder, 'key.pem') };
    const { cert, key } = createAuthority('weir bench').issue('localhost', ['localhost']);
    await writeFile(files.certFile, cert);
    await writeFile(files.keyFile, key);
    await using weir = await startWeir(url, [], '', free, undefined, secure ? files : null);
    await using load = new Load();
    await load.warmUp(weir, { tls: secure });
    // Each round opens them anew: 5,000 handshakes take longer than a round.
    return await each(secure ? [1, 4, 16, 64, 256, 1_000] : [1, 4, 16, 64, 256, 1_000, 5_000], (connections) =>
      cpu(load, weir, { connections, tls: secure }),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function byBody(url: string): Promise<Point[]> {
  await using weir = await startWeir(url, [], '', free);
  await using load = new Load();
  await load.warmUp(weir);
  return await each([1, 150, 1_000, 10_000, 60_000, 100_000, 1_000_000], (bytes) =>
    cpu(load, weir, {
      request: requestTo(weir.port, weir.token, 'x'.repeat(bytes)),
      connections: bytes >= 100_000 ? 4 : 64,
    }),
  );
}

async function byBuckets(url: string): Promise<Point[]> {
  const limits = `{ rate: 1000000, burst: 1000000, scope: "header:X-Number", scopesMax: 100000 }`;
  await using weir = await startWeir(url, [], '', limits);
  await using load = new Load();
  const request = requestTo(weir.port, weir.token, body, 'X-Number: {n}\r\n');
  await load.warmUp(weir, { request, numbers: 1 });
  return await each([1, 10, 100, 1_000, 10_000, 90_000], (numbers) => cpu(load, weir, { request, numbers }));
}

/** In a class of their own, whose bucket gives 20 a second. */
async function byHeld(url: string): Promise<Point[]> {
  const limits = `${free}\n  contacts: { rate: 20, burst: 1, holdMaxMs: 600000, lineMaxRequests: 100000 }`;
  await using weir = await startWeir(url, [], 'http: { connectionsMax: 100000 }\n', limits);
  await using load = new Load();
  await load.warmUp(weir);
  const request = requestTo(weir.port, weir.token).replace('/v1/messages', '/v1/contacts');
  await using waiting = new AsyncDisposableStack();
  let held = 0;
  return await each([0, 100, 1_000, 5_000, 9_000], async (wanted) => {
    if (wanted > held) {
      // A process for each step: its reports count its own.
      const holders = waiting.use(startChild('bench/holders.ts'));
      const order: HoldersOrder = { port: weir.port, connections: wanted - held, request };
      let sent = 0;
      holders.process.on('message', (report: HoldersReport) => {
        sent = report.sent;
      });
      holders.process.send(order);
      await until(() => sent === order.connections, { what: 'all of them to have asked' });
      held = wanted;
    }
    return await cpu(load, weir, {});
  });
}

async function each(xs: readonly number[], measure: (x: number) => Promise<number>): Promise<Point[]> {
  const points: Point[] = [];
  for (const x of xs) points.push([x, await measure(x)]);
  return points;
}

/** The median of a few rounds; one before them is for what is new. */
async function cpu(load: Load, weir: Weir, how: Parameters<Load['on']>[2]): Promise<number> {
  const measured: number[] = [];
  for (let round = 0; round <= rounds; round++) measured.push((await load.on(weir, roundMs, how)).cpuUs);
  return measured.slice(1).toSorted((a, b) => a - b)[rounds >> 1] as number;
}

await run(main);
