/**
 * What else Weir costs beside its peers: `npm run bench:ratios [-- WHAT …]`, of `bulk`, `tls`, `latency` and `million`.
 * README.md says how to read it.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAuthority } from '../test/support/certificates.ts';
import { pass } from '../test/support/until.ts';
import { messageOf, startChild } from './child.ts';
import { run } from './command.ts';
import { type Contestant, startContestant, startWeir } from './contestants.ts';
import { cpuMs, residentKb } from './cpu.ts';
import { median, percentile } from './figures.ts';
import { Load, requestTo } from './measure.ts';
import type { PacedOrder, PacedReport } from './paced.ts';
import { missingFor, startPeer } from './peers/peer.ts';

const rounds = 7;
const free = '{ rate: 1000000, burst: 1000000 }';
/** Every class that is asked for here. */
const limits = `${free}\n  default: ${free}\n  media: ${free}`;

const measures = { bulk, tls, latency, million };

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !Object.hasOwn(measures, name));
  if (unknown !== undefined) throw new Error(`no ${unknown}; give any of ${Object.keys(measures).join(', ')}`);
  const missing = missingFor('nginx');
  if (missing !== null && [bulk, tls].some(({ name }) => wanted.length === 0 || wanted.includes(name))) {
    throw new Error(`${missing} is not installed`);
  }
  await using upstream = startChild('bench/upstream.ts');
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  for (const [name, measure] of Object.entries(measures)) {
    if (wanted.length === 0 || wanted.includes(name)) await measure(`http://127.0.0.1:${port}`);
  }
}

/** CPU of 10 MB, as an answer and as the body of a request, against nginx that passes it on, and one that has it whole first. */
async function bulk(upstream: string): Promise<void> {
  await using weir = await startWeir(upstream, [], '', limits);
  await using raw = await startContestant('raw-net', upstream);
  for (const buffering of ['off', 'on'] as const) {
    await using nginx = await startPeer('nginx', upstream, { buffering });
    for (const method of ['GET', 'POST'] as const) {
      for (const one of [weir, raw, nginx]) await bulkCpuMs(one, method);
      for (const one of [weir, raw]) {
        const ratio = await ratioOf(
          () => bulkCpuMs(one, method),
          () => bulkCpuMs(nginx, method),
        );
        const what = method === 'GET' ? 'an answer' : 'a body';
        console.log(
          `10 MB, ${what}, ${one.name}: ${ratio('ms')} against nginx, buffering ${buffering} (aim: at most 0.8)`,
        );
      }
    }
  }
}

const transfers = 40;
const atOnce = 4;

async function bulkCpuMs({ port, token, child }: Contestant, method: 'GET' | 'POST'): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: atOnce });
  const large = method === 'POST' ? Buffer.alloc(10_000_000, 'x') : null;
  const before = cpuMs(child.pid);
  await Promise.all(
    Array.from({ length: transfers }, () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const headers = { authorization: `Bearer ${token}`, ...(large && { 'content-length': large.length }) };
      const sent = request({ port, host: '127.0.0.1', path: '/v1/media/1', method, agent, headers }, (answer) => {
        if (answer.statusCode !== 200) reject(new Error(`answered ${answer.statusCode}`));
        answer.resume().on('end', resolve).on('error', reject);
      });
      sent.on('error', reject).end(large);
      return promise;
    }),
  );
  agent.destroy();
  return (cpuMs(child.pid) - before) / transfers;
}

/** CPU of a request and of a handshake over TLS, against nginx. */
async function tls(upstream: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-tls-'));
  try {
    const { cert, key } = createAuthority('weir bench').issue('localhost', ['localhost']);
    const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    await writeFile(certFile, cert);
    await writeFile(keyFile, key);
    await using weir = await startWeir(upstream, [], '', limits, undefined, { certFile, keyFile });
    const ssl = `ssl; ssl_session_cache shared:a:1m; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile}`;
    await using nginx = await startPeer('nginx', upstream, { tls: ssl });
    await using load = new Load();
    for (const anew of [false, true]) {
      const how = { tls: true, anew };
      for (const one of [weir, nginx]) await load.on(one, 4_000, how);
      const ratio = await ratioOf(
        async () => (await load.on(weir, 1_500, how)).cpuUs,
        async () => (await load.on(nginx, 1_500, how)).cpuUs,
      );
      console.log(
        `TLS, ${anew ? 'a handshake and a request' : 'a request'}: ${ratio('µs')} against nginx (aim: at most 2.1)`,
      );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const pacedRate = 3_000;

/** What is added to the latency, over raw sockets, at a rate that is far from the limit: by Weir, and by a bare proxy. */
async function latency(upstream: string): Promise<void> {
  await using weir = await startWeir(upstream, [], '', limits);
  await using undici = await startContestant('bare-undici', upstream);
  await using raw = await startContestant('raw-net', upstream);
  await using load = new Load();
  for (const one of [weir, undici, raw]) await load.warmUp(one);
  await using paced = startChild('bench/paced.ts');
  const added: Record<'Weir' | 'a bare undici proxy', (readonly [p50: number, p99: number])[]> = {
    Weir: [],
    'a bare undici proxy': [],
  };
  for (let round = 0; round < rounds; round++) {
    const [own, bare, floor] = [await latencies(weir), await latencies(undici), await latencies(raw)];
    const over = (at: number, some: readonly number[]): number => percentile(some, at) - percentile(floor, at);
    added.Weir.push([over(0.5, own), over(0.99, own)]);
    added['a bare undici proxy'].push([over(0.5, bare), over(0.99, bare)]);
  }
  for (const [who, some] of Object.entries(added)) {
    const [p50, p99] = ([0, 1] as const).map((i) => median(some.map((one) => one[i])).toFixed(2));
    console.log(`Latency that ${who} adds at ${pacedRate}/s: p50 ${p50} ms (aim: 0.15), p99 ${p99} ms (aim: 1)`);
  }

  async function latencies({ port, token }: Contestant): Promise<readonly number[]> {
    const order: PacedOrder = { port, request: requestTo(port, token), rate: pacedRate, evenly: true };
    paced.process.send(order);
    await pass(3_000);
    paced.process.send('stop');
    const { latenciesMs, firstFailure } = await messageOf<PacedReport>(paced, 'the latencies', 30_000);
    if (firstFailure !== null) throw new Error(firstFailure);
    return latenciesMs;
  }
}

/** Memory after a million requests, against that after the first 100,000. */
async function million(upstream: string): Promise<void> {
  await using weir = await startWeir(upstream, [], '', limits);
  await using load = new Load();
  let requests = 0;
  let first = 0;
  while (requests < 1_000_000) {
    requests += (await load.on(weir, 2_000)).requestsPerSecond * 2;
    if (first === 0 && requests >= 100_000) first = residentKb(weir.child.pid);
  }
  const last = residentKb(weir.child.pid);
  const ratio = (last / first).toFixed(2);
  console.log(
    `A million requests: ${(last / 1_024).toFixed(0)} MB, ${ratio} times that after 100,000 (aim: at most 1.05)`,
  );
}

/** Both in turn; then their medians and that of the ratios of each round. */
async function ratioOf(own: () => Promise<number>, peer: () => Promise<number>): Promise<(unit: string) => string> {
  const pairs: (readonly [number, number])[] = [];
  for (let round = 0; round < rounds; round++) pairs.push([await own(), await peer()]);
  const [left, right] = ([0, 1] as const).map((i) => median(pairs.map((pair) => pair[i])).toFixed(1));
  const ratio = median(pairs.map(([a, b]) => a / b)).toFixed(2);
  return (unit) => `${left} and ${right} ${unit}, ratio ${ratio}`;
}

await run(main);
