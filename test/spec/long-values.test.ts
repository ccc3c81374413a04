/** Values of scopes that are as long as a request may bring: they count as any others, and no name gets long. */
import { expect, test } from 'vitest';
import { redisClientForAll, startForAll } from '../support/start-for-all.ts';
import { answer, say } from '../support/upstream.ts';

const { server, redis } = await redisClientForAll();
const { upstream, app } = await startForAll(
  `profile: none
auth: {open: true}
limits: {default: {scope: "header:X-Number", rate: 0.001, burst: 1, holdMaxMs: 600000, also: [{scope: "body:/to", rate: 0.001, burst: 1}]}}`,
  { REDIS_URL: server.url },
  say(answer(200, {}, 'ok')),
);

const long = (end: string): string => 'x'.repeat(10_240) + end;
const send = async (number: string, to: string): Promise<number> => {
  const body = JSON.stringify({ to });
  const fields = `Host: weir\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nX-Number: ${number}\r\n`;
  return (await app.ask('POST /x', fields, body)).status;
};

test('10 KB of a field and of a body have limits of their own, told apart to their last character', async () => {
  expect(await send(long('a'), long('a'))).toBe(200);
  expect(await send(long('b'), long('b'))).toBe(200);
  expect(await send(long('a'), long('c'))).toBe(503);
  expect(await send(long('d'), long('b'))).toBe(503);
  expect(upstream.arrivals.map((one) => one.field('x-number'))).toEqual([long('a'), long('b')]);
  const keys = await redis.keys('*bucket*');
  expect(keys.length).toBeGreaterThanOrEqual(3);
  expect(Math.max(...keys.map((key) => key.length))).toBeLessThan(100);
});
