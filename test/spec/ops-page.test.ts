/** The page of the ops port: what is served, and who is told what changes. */
import { get, type IncomingMessage } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { assets } from '../../src/ops/assets.ts';
import { startOps } from '../../src/ops/server.ts';
import { viewersMax } from '../../src/ops/viewers.ts';
import { ask } from '../support/ask.ts';
import { operatorWith } from '../support/operator.ts';
import { busy } from '../support/snapshots.ts';
import { until } from '../support/until.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

async function open() {
  const seen = { times: 0 };
  const sources = {
    ready: () => ({ ready: true, why: null }),
    snapshot() {
      seen.times += 1;
      return busy;
    },
    metrics: () => Promise.reject(new Error('not asked for')),
  };
  const ops = await startOps({ host: '127.0.0.1', port: 0 }, sources, operatorWith());
  closing.push(() => ops.close());
  return { url: `http://127.0.0.1:${ops.port}`, seen };
}

const stream = (url: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const asking = get(`${url}/events`, { agent: false }, resolve);
    asking.on('error', reject);
    closing.push(async () => void asking.destroy());
  });

test('is under 100 KB in all, asks no other host, and has nothing inline', async () => {
  const { url } = await open();
  let bytes = 0;
  for (const path of [...Object.keys(assets), '/runbook']) {
    const { status, fields, text } = await ask('GET', url + path);
    expect([status, fields['x-content-type-options'], fields['referrer-policy']]).toEqual([
      200,
      'nosniff',
      'no-referrer',
    ]);
    expect(fields['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(fields['content-security-policy']).not.toContain('unsafe');
    expect(text.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:\/\/|\son\w+=|\sstyle=|<style/);
    bytes += text.length;
  }
  expect(bytes).toBeLessThan(100_000);
});

test('is told of what there is while somebody looks, and nothing is made while nobody does', async () => {
  const { url, seen } = await open();
  expect(seen.times).toBe(0);
  const looking = await stream(url);
  let text = '';
  looking.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  await until(() => text.split('\n\n').length > 2, { what: 'two events' });
  const [event = ''] = text.split('\n\n');
  expect(looking.headers['content-type']).toBe('text/event-stream');
  expect(JSON.parse(event.slice('data: '.length))).toMatchObject({ ready: true, store: busy.store });
});

test('is served to so many at a time, and to others once one has gone', async () => {
  const { url } = await open();
  const looking = await Promise.all(Array.from({ length: viewersMax }, () => stream(url)));
  expect((await stream(url)).statusCode).toBe(503);
  looking[0]?.destroy();
  await until(async () => (await stream(url)).statusCode === 200, { what: 'a place to be free' });
});
