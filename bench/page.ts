/**
 * What it costs Weir that somebody looks: its CPU with 20 pages open, less its CPU with none, as a part of a core.
 *
 *     npm run bench:page                                  80 s
 *     npm run bench:page -- --pages 32 --rounds 8
 *
 * A Weir in front of the simulator, with 300 requests of 12 callers in line. A page is what a browser keeps open: the stream
 * of events.
 */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { parseArgs } from 'node:util';
import { Scene } from '../test/browser/support/scene.ts';
import { pass, until } from '../test/support/until.ts';
import { number, run } from './command.ts';
import { cpuMs } from './cpu.ts';
import { median } from './figures.ts';

const callers = Array.from({ length: 12 }, (_, i) => `caller-${i}`);
const waitingEach = 25;
/** Of a core. */
const aim = 0.02;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      pages: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '4' },
      seconds: { type: 'string', default: '10' },
    },
  });
  const pages = number('--pages', values.pages, 1, 32);
  const rounds = number('--rounds', values.rounds, 1, 100);
  const seconds = number('--seconds', values.seconds, 1, 600);
  await using scene = await Scene.start(callers);
  for (const caller of callers) scene.crowd(caller, 'messages', waitingEach);
  const inLine = async (): Promise<number> => (await scene.see('/status?class=messages')).json.lines[0].requests;
  await until(async () => (await inLine()) >= callers.length * (waitingEach - 1), { what: 'the line to be full' });
  const used = async (open: number): Promise<number> => {
    await using looking = await Pages.open(scene.opsUrl, open);
    const before = cpuMs(scene.pid);
    await pass(seconds * 1_000);
    if (open > 0)
      console.log(
        `  ${open} pages: ${looking.events} events, ${Math.round(looking.bytes / looking.events)} bytes each`,
      );
    return (cpuMs(scene.pid) - before) / (seconds * 1_000);
  };
  await used(pages); // What is compiled once is not counted.
  const [none, all]: [number[], number[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) none.push(await used(0));
    all.push(await used(pages));
    if (round % 2 === 1) none.push(await used(0));
  }
  const cost = median(all.map((one, i) => one - (none[i] as number)));
  const percent = (part: number): string => `${(part * 100).toFixed(2)} %`;
  console.log(`\n| pages | CPU, of a core |\n|---|---|\n| none | ${percent(median(none))} |`);
  console.log(`| ${pages} | ${percent(median(all))} |\n\nThe pages cost ${percent(cost)} (aim: ${percent(aim)}).`);
  if (cost > aim) process.exitCode = 1;
}

/** Pages that are open, each on a connection of its own. */
class Pages implements AsyncDisposable {
  events = 0;
  bytes = 0;
  readonly #streams: IncomingMessage[] = [];

  static async open(url: string, count: number): Promise<Pages> {
    const pages = new Pages();
    for (let i = 0; i < count; i++) {
      const [stream] = (await once(get(`${url}/events`, { agent: false }), 'response')) as [IncomingMessage];
      if (stream.statusCode !== 200) throw new Error(`/events: ${stream.statusCode}`);
      pages.#streams.push(stream);
      stream.on('error', () => {});
      stream.on('data', (chunk: Buffer) => {
        pages.bytes += chunk.length;
        if (chunk.toString('latin1').endsWith('\n\n')) pages.events += 1;
      });
    }
    return pages;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#streams.map((stream) => once(stream, 'close'));
    for (const stream of this.#streams) stream.destroy();
    await Promise.all(closed);
  }
}

await run(main);
