/**
 * What traces cost: CPU a request of Weir that sends spans of some requests to a collector, against the same process
 * while it takes no part in traces:
 *
 *     npm run bench:traces                         1 % of the requests
 *     npm run bench:traces -- --ratio 1            all of them
 *     npm run bench:traces -- --starts 8           more processes
 *
 * A reload changes what it does, since a process keeps the luck of its start: between two of them there is more than what
 * is to be found. The first row is the process against itself, which is what the machine adds. README.md says how to
 * read ratios.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { ask } from '../test/support/ask.ts';
import { until } from '../test/support/until.ts';
import { messageOf, startChild } from './child.ts';
import { number, run } from './command.ts';
import { startWeir, type Weir } from './contestants.ts';
import { percentile } from './figures.ts';
import { body, Load, requestTo } from './measure.ts';

const rounds = 24;
const roundMs = 500;
const tracesWarmUpMs = 3_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { ratio: { type: 'string', default: '0.01' }, starts: { type: 'string', default: '3' } },
  });
  const ratio = number('--ratio', values.ratio, 0, 1, true);
  const starts = number('--starts', values.starts, 1, 100);
  await using upstream = startChild('bench/upstream.ts');
  const { port } = await messageOf<{ port: number }>(upstream, 'the port of the upstream');
  await using collector = await startCountingCollector();
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: String(ratio),
  };
  await using load = new Load();
  const [itself, traced]: [number[], number[]] = [[], []];
  for (let i = 0; i < starts; i++) {
    await using weir = await startWeir(`http://127.0.0.1:${port}`, [], '', undefined, undefined, null, env);
    const found = await ratiosOf(load, weir);
    itself.push(...found.itself);
    traced.push(...found.traced);
  }
  console.log(`| against no traces | CPU | spread |\n|---|---|---|`);
  console.log(row('no traces, once more', itself));
  console.log(row(`spans of ${ratio * 100} % of the requests`, traced));
  console.log(`\nThe collector was sent ${collector.bytes()} bytes.`);
}

/** The CPU a request against that without traces, in rounds whose order turns. */
async function ratiosOf(load: Load, weir: Weir): Promise<Record<'itself' | 'traced', readonly number[]>> {
  const change = configured(weir);
  await load.warmUp(weir);
  await warmUpTraces(load, weir);
  await change('pass');
  await load.warmUp(weir);
  const ratios: Record<'itself' | 'traced', number[]> = { itself: [], traced: [] };
  for (let round = 0; round < rounds; round++) {
    const spent = { pass: [] as number[], auto: [] as number[] };
    // What the machine does slowly, such as getting warm, is in both alike.
    for (const phase of ['pass', 'auto', 'auto', 'pass'] as const) {
      const now = round % 2 === 0 ? phase : opposite[phase];
      // A reload costs, and code that is new to the compiler: there is one before each phase, whatever the one before it was.
      await change(opposite[now]);
      await change(now);
      spent[now].push((await load.on(weir, roundMs)).cpuUs);
    }
    const [first, second] = spent.pass as [number, number];
    ratios.itself.push(second / first);
    ratios.traced.push(sum(spent.auto) / sum(spent.pass));
  }
  return ratios;
}

type TraceContext = 'pass' | 'auto';
const opposite = { pass: 'auto', auto: 'pass' } as const;

const sum = (all: readonly number[]): number => all.reduce((total, one) => total + one, 0);

/** What it does with traces, changed in its file: it looks at that by itself, so no second reload comes later. */
function configured({ file, opsPort }: Weir): (traceContext: TraceContext) => Promise<void> {
  const text = readFileSync(file, 'utf8');
  let present: TraceContext = 'auto';
  const applied = async (): Promise<string | undefined> => {
    const { text: metrics } = await ask('GET', `http://127.0.0.1:${opsPort}/metrics`);
    return /^weir_config_reloads_total\{result="applied"\} (\d+)/m.exec(metrics)?.[1];
  };
  return async (traceContext) => {
    if (traceContext === present) return;
    present = traceContext;
    const before = await applied();
    writeFileSync(file, `${text}http: { traceContext: ${traceContext} }\n`);
    await until(async () => (await applied()) !== before, { what: 'the configuration to be reloaded' });
  };
}

/**
 * One request in a hundred would not have the compiler see the code that makes and sends spans before the process has ended. So
 * the caller has recorded its trace here.
 */
async function warmUpTraces(load: Load, weir: Weir): Promise<void> {
  const recorded = `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01\r\n`;
  const request = requestTo(weir.port, weir.token, body, recorded);
  // With few at a time: what is more than the exporter can take is dropped.
  await load.on(weir, tracesWarmUpMs, { connections: 2, request });
}

function row(what: string, ratios: readonly number[]): string {
  const at = (share: number): string => percentile(ratios, share).toFixed(3);
  return `| ${what} | ${at(0.5)} | ${at(0.25)} to ${at(0.75)} |`;
}

/** Takes all that comes. */
async function startCountingCollector() {
  let bytes = 0;
  const server = createServer((request, response) => {
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    request.on('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    bytes: () => bytes,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}

await run(main);
