/** Those who look at the page: what they cost, counted. Seconds pass when the test says so. */
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type OpsAddress, startOps } from '../../src/ops/server.ts';
import { operatorToken, operatorWith } from '../support/operator.ts';
import { busy } from '../support/snapshots.ts';
import { driveIntervals } from '../support/still-timers.ts';
import { until } from '../support/until.ts';

let intervals: Disposable;
beforeEach(() => {
  intervals = driveIntervals();
});
const closing: (() => unknown)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
  intervals[Symbol.dispose]();
});

/** Somebody who looks, and how many events came. */
class Viewer {
  events = 0;
  readonly #stream: IncomingMessage;

  private constructor(stream: IncomingMessage) {
    this.#stream = stream;
    closing.push(() => this.leave());
    stream.on('error', () => {});
  }

  static async of(port: number, token?: string): Promise<Viewer> {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const [stream] = (await once(get({ port, path: '/events', agent: false, headers }), 'response')) as [
      IncomingMessage,
    ];
    return new Viewer(stream);
  }

  read(): this {
    this.#stream.on('data', (chunk: Buffer) => {
      // What is told has no empty lines, so two newlines end an event, and come in one write.
      if (chunk.toString('latin1').endsWith('\n\n')) this.events += 1;
    });
    return this;
  }

  leave(): void {
    this.#stream.destroy();
  }
}

/** @param why what an event has to say: the longer, the sooner nothing more fits into the buffers of a connection */
async function open(why = '', address: Partial<OpsAddress> = {}) {
  const made = { times: 0 };
  const sources = {
    ready: () => ({ ready: false, why }),
    snapshot() {
      made.times += 1;
      return busy;
    },
    metrics: () => Promise.reject(new Error('not asked for')),
  };
  const ops = await startOps(
    { host: '127.0.0.1', port: 0, ...address },
    sources,
    operatorWith({ token: operatorToken }),
  );
  closing.push(() => ops.close());
  const all = async (count: number, token?: string): Promise<Viewer[]> =>
    await Promise.all(Array.from({ length: count }, async () => (await Viewer.of(ops.port, token)).read()));
  return { port: ops.port, made, all };
}

const aSecondPasses = (): void => void vi.advanceTimersByTime(1_000);
const haveSeen = (viewers: readonly Viewer[], events: number): Promise<unknown> =>
  until(() => viewers.every((one) => one.events === events), { what: `${events} events for each` });

test('twenty who look cost one snapshot a second, with operators among them two', async () => {
  const { made, all } = await open();
  const looking = await all(20);
  await haveSeen(looking, 1);
  expect(made.times).toBe(1);
  for (let second = 1; second <= 5; second++) {
    aSecondPasses();
    await haveSeen(looking, 1 + second);
    expect(made.times).toBe(1 + second);
  }
  const operators = await all(5, operatorToken);
  await haveSeen(operators, 1);
  expect(made.times).toBe(7);
  aSecondPasses();
  await haveSeen([...looking, ...operators.map((one) => Object.assign(one, { events: one.events + 5 }))], 7);
  expect(made.times).toBe(9);
});

test('once nobody looks no timer runs and nothing is made, until somebody does', async () => {
  const { made, all } = await open();
  expect(vi.getTimerCount()).toBe(0);
  const looking = await all(3);
  await haveSeen(looking, 1);
  expect(vi.getTimerCount()).toBe(1);
  for (const one of looking) one.leave();
  await until(() => vi.getTimerCount() === 0, { what: 'the timer to be gone' });
  vi.advanceTimersByTime(60_000);
  expect(made.times).toBe(1);
  const [later] = await all(1);
  await haveSeen([later as Viewer], 1);
  expect([made.times, vi.getTimerCount()]).toEqual([2, 1]);
});

test('for one who does not read, nothing is made and nothing piles up; the others see what there is', async () => {
  const { port, made, all } = await open('x'.repeat(1_000_000));
  await Viewer.of(port);
  const seconds = async (count: number): Promise<number> => {
    const before = made.times;
    for (let i = 0; i < count; i++) {
      aSecondPasses();
      await new Promise(setImmediate);
    }
    return made.times - before;
  };
  // The kernel takes megabytes, and now and then some more.
  await until(async () => (await seconds(100)) === 0, { what: 'a hundred seconds for which nothing is made' });
  const others = await all(2);
  await haveSeen(others, 1);
  aSecondPasses();
  await haveSeen(others, 2);
});

test('one who does not read is cut off', async () => {
  const { port } = await open('x'.repeat(16_000_000), { stalledMaxMs: 100 });
  await Viewer.of(port);
  await until(() => vi.getTimerCount() === 0, { what: 'nobody to be served any more' });
});
