/** `weir status`, `top`, `pause`, `resume`, `limit` and `drain` on a Weir that serves. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { screenOf } from '../../src/commands/screen.ts';
import { status } from '../../src/commands/status.ts';
import { type SteeringCommand, steer } from '../../src/commands/steer.ts';
import { top } from '../../src/commands/top.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { runCommand } from '../support/command.ts';
import { operatorToken } from '../support/operator.ts';
import { busy } from '../support/snapshots.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';

const yaml = `ops: {token: ${operatorToken}}\nlimits: {messages: {rate: 50, burst: 150}}\n`;
let upstream: Upstream;
let app: TestApp;
beforeEach(async () => {
  upstream = await startUpstream(say(answer(201, {}, '{}')));
  app = await startTestApp(upstream.url, yaml);
});
afterEach(async () => {
  await app[Symbol.asyncDispose]();
  await upstream.stop();
});

type Command = typeof status;

/** What a command says, as it is typed, on the machine of that Weir. */
function started(command: Command, args: readonly string[], file = yaml) {
  const env = { OPS_PORT: `${app.opsPort}`, WA_API_KEY: 'key', COREAPP_URL: upstream.url };
  return runCommand(command, ['--config', 'weir.yaml', ...args], env, file);
}
async function said(command: Command, args: readonly string[], file?: string) {
  const { out, err, code } = started(command, args, file);
  return { code: await code, out, err };
}
const order = (name: SteeringCommand, ...args: readonly string[]) =>
  said((rest, env, io) => steer(name, rest, env, io), args);
const done = (inForce: number) => ({ code: 0, out: [`done, in this replica; orders in force: ${inForce}`], err: [] });

const waiting = (count: number) =>
  until(() => app.services.admit.gates('messages').headcount.total === count, { what: `${count} in line` });

test('Orders in force and a Redis that is away are told in plain words', () => {
  const inForce = [
    { order: { kind: 'pauseClass', class: 'media' }, leftMs: 30_000 },
    { order: { kind: 'pauseCaller', caller: 'user:bulk' }, leftMs: 7_200_000 },
    { order: { kind: 'limit', class: 'contacts', rate: 20, burst: 40 }, leftMs: 3_599_900 },
    { order: { kind: 'drain', replica: 'one' }, leftMs: 60_001 },
  ] as const;
  const replica = { name: 'one', version: '1.0.0', startedAt: '2026-01-01T00:00:00Z' };
  const store = { ...busy.store, kind: 'redis', up: false, fallback: true } as const;
  const shown = { ...busy, replica, why: null, store, callers: [], more: 0 };
  const [first, ...lines] = screenOf({ ...shown, steering: { reach: 'fleet', inForce } });
  expect(first).toContain(
    'store: Redis, which does not answer: this replica goes on alone with its share of the limits',
  );
  expect(lines.slice(0, 4)).toEqual([
    "An operator's order: the class media is paused, in all replicas, for 30.0 s more.",
    "An operator's order: user:bulk is paused, in all replicas, for 120 min more.",
    "An operator's order: the limit of contacts is 20 a second, 40 at once, in all replicas, for 60 min more.",
    "An operator's order: one is drained, in all replicas, for 2 min more.",
  ]);
});

describe('An operator at the command line', () => {
  test('pauses a class, sees who waits, and has it go on', async () => {
    expect(await order('pause', 'messages', '--for', '10m')).toEqual(done(1));
    const held = app.send('POST /v1/messages', '', '{}');
    await waiting(1);
    const shown = await said(status, []);
    expect(shown.code).toBe(0);
    expect(shown.out.join('\n')).toMatch(/^messages +1 .* of 150, 50\/s .*takes requests/m);
    expect(shown.out[0]).toMatch(/ready {2}store: memory of this process/);
    expect(shown.out.join('\n')).toMatch(/^messages +1 +user:admin +1 /m);
    expect(await order('resume', 'messages')).toEqual(done(0));
    expect((await held).status).toBe(201);
    expect(await order('resume', 'messages')).toMatchObject({
      code: 1,
      out: [],
      err: ['weir resume: messages was neither paused nor limited; orders in force: 0'],
    });
    const orders = app.trail.filter(({ by }) => by === 'operator').map(({ action }) => action);
    expect(orders).toEqual(expect.arrayContaining(['line.pause', 'line.resume']));
  });

  test('pauses a user, whose requests are held', async () => {
    expect(await order('pause', '--user', 'admin')).toEqual(done(1));
    const held = app.send('POST /v1/messages', '', '{}');
    await waiting(1);
    expect(await order('resume', '--user', 'admin')).toEqual(done(0));
    expect((await held).status).toBe(201);
    const again = await order('resume', '--user', 'admin');
    expect([again.code, again.err[0]]).toEqual([1, expect.stringContaining('the user admin was not paused')]);
  });

  test('limits a class for a while', async () => {
    expect(await order('limit', 'messages', '20', '40', '--for', '1h')).toEqual(done(1));
    expect(app.services.admit.gates('messages').limits).toMatchObject({ rate: 20, burst: 40 });
    expect(await order('resume', 'messages')).toEqual(done(0));
    expect(app.services.admit.gates('messages').limits).toMatchObject({ rate: 50, burst: 150 });
  });

  test('drains a replica, by the name that the status shows, and takes it back', async () => {
    const { replica } = (await app.ops('/status?callers=1')).json;
    const ready = async () => (await app.ops('/readyz')).status;
    expect(await order('drain', replica.name)).toEqual(done(1));
    expect(await ready()).toBe(503);
    expect(await order('resume', '--replica', replica.name)).toEqual(done(0));
    expect(await ready()).toBe(200);
  });

  test('watches the line until no Weir answers', async () => {
    const { out, err, code } = started(top, []);
    await until(() => out.length > 0, { what: 'the first screen' });
    expect(out[0]).toMatch(/Weir \d/);
    await app.close(0);
    expect(await code).toBe(1);
    expect(err).toEqual([expect.stringMatching(/^weir top: http:\/\/\S+: /)]);
  });

  test.each([
    ['a class that is not there', ['pause', 'nobody'], /nobody/],
    ['a time that is none', ['pause', 'messages', '--for', 'ever'], /--for: give a time such as 30s, 10m or 2h/],
    ['nothing that is meant', ['pause'], /give weir pause CLASS \| --user NAME/],
    ['two things at once', ['resume', 'messages', '--user', 'admin'], /give weir resume CLASS/],
    ['a rate that is none', ['limit', 'messages', 'much', '1'], /rate: "much"; give requests a second from/],
  ] as const)('is told of %s', async (_, [name, ...args], words) => {
    const { code, out, err } = await order(name, ...args);
    expect([code, out, err]).toEqual([1, [], [expect.stringMatching(words)]]);
  });

  test('who has no token may not steer', async () => {
    const pause: Command = (rest, env, io) => steer('pause', rest, env, io);
    expect(await said(pause, ['messages'], '{}\n')).toMatchObject({
      code: 1,
      err: [/no ops\.tokenFile/].map((words) => expect.stringMatching(words)),
    });
    expect(await said(pause, ['messages'], 'ops: {token: another-token-than-that}\n')).toMatchObject({
      code: 1,
      out: [],
    });
  });
});
