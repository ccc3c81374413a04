/** `config/examples/`: each is valid, and does in front of a simulator what it says. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it, test } from 'vitest';
import { SimulatedAny } from '../../src/simulator/apis/any.ts';
import { startApi } from '../../src/simulator/apis/server.ts';
import { startTestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';

const folder = new URL('../../config/examples/', import.meta.url);
const text = (name: string): string => readFileSync(new URL(name, folder), 'utf8');
const names = readdirSync(folder);

test.each(names)('%s is a configuration', (name) => {
  expect(problems(load(text(name), { UPSTREAM_URL: 'http://127.0.0.1:9000' }))).toEqual([]);
});

test('are all told of', () => {
  const page = readFileSync(new URL('../../docs/how-to/put-weir-in-front-of-any-api.md', import.meta.url), 'utf8');
  for (const name of names) expect(page).toContain(name);
});

interface Seen {
  readonly accepted: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
}

describe.each([
  ['retry-after-and-a-leaky-bucket.yaml', '/leaky/orders', 'leaky'],
  ['reset-times.yaml', '/reset/epoch/issues', 'reset'],
  ['reset-times.yaml', '/reset/seconds/issues', 'reset'],
  ['reset-times.yaml', '/reset/text/issues', 'reset'],
  ['reset-times.yaml', '/secondary/issues', 'secondary'],
])('%s in front of %s', (name, path, kind) => {
  const api = new SimulatedAny({ rate: 20, burst: 2, latencyMs: 0 });
  const opened = startApi(api);
  afterAll(async () => (await opened).close());

  it('has every request answered, though the API takes fewer than it is thought to', async () => {
    const { url } = await opened;
    const more = '\nops: {figuresMaxAgeMs: 0}\n';
    await using app = await startTestApp(url, text(name) + more);
    const asked = Array.from({ length: 8 }, () => app.ask(`GET ${path}`, 'Host: weir\r\n'));
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    const { accepted, refused } = api.seen() as Seen;
    expect(accepted[kind]).toBe(8);
    expect(refused[kind] ?? 0).toBeGreaterThan(0);
  });
});
