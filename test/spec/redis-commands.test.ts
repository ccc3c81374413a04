/** A Redis that keeps a command from Weir: the log names it and what that costs, and Weir goes on without. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { causeOf } from '../../src/adapters/redis/causes.ts';
import { costOf, remedyFor } from '../../src/adapters/redis/commands.ts';
import { startRedis } from '../support/redis.ts';
import { storesOn } from '../support/stores.ts';
import { until } from '../support/until.ts';

const quota = { rate: 50, burst: 150 };

const user = ['--user', 'weir', 'on', '>secret', '~weir:*', '&weir:revoked', '+@all'];

/** With the command renamed to nothing, or kept from the user that Weir logs in as. */
const kinds = {
  renamed: { args: (command: string) => ['--rename-command', command, ''], login: '' },
  'not permitted': {
    args: (command: string) => [...user, `-${command.toLowerCase()}`],
    login: 'weir:secret@',
  },
};

async function openWithout(running: AsyncDisposableStack, command: string, kind: keyof typeof kinds) {
  const { args, login } = kinds[kind];
  const server = running.use(await startRedis(args(command)));
  return await storesOn(running, `redis://${login}127.0.0.1:${server.port}`);
}

describe.concurrent('A Redis without', () => {
  test.each<[command: string, kind: keyof typeof kinds]>([
    ['INFO', 'renamed'],
    ['INFO', 'not permitted'],
    ['PUBLISH', 'renamed'],
    ['PUBLISH', 'not permitted'],
    ['SUBSCRIBE', 'renamed'],
    ['SUBSCRIBE', 'not permitted'],
  ])('%s (%s): one line with what it costs, and the limits are shared', async (command, kind) => {
    await using running = new AsyncDisposableStack();
    const { stores, events } = await openWithout(running, command, kind);
    const found = () => events.filter(({ message }) => message === 'Redis lacks a command');
    await until(() => found().length > 0, { what: 'the line' });
    const reason = expect.stringMatching(new RegExp(command, 'i'));
    const remedy = remedyFor(command.toLowerCase());
    expect(found().map(({ fields }) => fields)).toEqual([{ command, reason, remedy }]);
    expect(events.filter(({ message }) => /^Redis (is away|refuses)/.test(message))).toEqual([]);
    expect((await stores.buckets.reserve('messages', quota, 1)).count).toBe(1);
    expect(stores.state()).toMatchObject({ up: true, fallback: false, lacks: [command] });
  });

  test.each<[command: string, kind: keyof typeof kinds]>([
    ['EVAL', 'renamed'],
    ['TIME', 'renamed'],
    ['TIME', 'not permitted'],
    ['GET', 'not permitted'],
    ['SET', 'renamed'],
  ])('%s (%s): the limits go on alone, and the line names it', async (command, kind) => {
    await using running = new AsyncDisposableStack();
    const { stores, events } = await openWithout(running, command, kind);
    expect((await stores.buckets.reserve('messages', quota, 1)).count).toBe(1);
    expect(stores.state().fallback).toBe(true);
    const troubles = events.filter(({ fields }) => fields['cause'] === 'commandMissing' && 'remedy' in fields);
    expect(troubles.map(({ fields }) => fields['remedy'])).toContain(remedyFor(command.toLowerCase()));
  });

  test('HGET: logins fail, and one line names it', async () => {
    await using running = new AsyncDisposableStack();
    const { stores, events } = await openWithout(running, 'HGET', 'renamed');
    await expect(stores.accounts.findUser('admin')).rejects.toThrow();
    const admin = { name: 'a', role: 'ROLE_ADMIN', passwordHash: '', mustChangePassword: false, version: 'v' } as const;
    await expect(stores.accounts.addToken('d', admin, Date.now() + 1_000)).rejects.toThrow();
    expect(events.flatMap(({ fields }) => fields['remedy'] ?? [])).toEqual([remedyFor('hget')]);
  });
});

describe('what Redis says is missing', () => {
  it.each([
    ["ERR unknown command 'INFO', with args beginning with: ", 'info'],
    ['ERR unknown command `ZADD`, with args beginning with: ', 'zadd'],
    ["NOPERM this user has no permissions to run the 'publish' command", 'publish'],
    ["NOPERM User weir has no permissions to run the 'config|get' command", 'config|get'],
    ["NOPERM this user has no permissions to run the 'hget' command or its subcommand", 'hget'],
    ['ERR Unknown Redis command called from script script: 0123, on @user_script:2.', null],
  ])('%s', (message, command) => {
    expect(causeOf(new Error(message))).toMatchObject({ name: 'commandMissing', command });
  });

  it('is not a key or a channel that this user may not use', () => {
    const said = 'NOPERM this user has no permissions to access one of the keys used as arguments';
    expect(causeOf(new Error(said))).toMatchObject({ name: 'notPermitted', command: null });
  });
});

test('every command that Weir asks of Redis has its cost', () => {
  const folder = new URL('../../src/adapters/redis/', import.meta.url);
  const guard = new URL('../../node_modules/rate-limiter-flexible/lib/RateLimiterRedis.js', import.meta.url);
  const texts = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const inScripts = [...texts, readFileSync(guard, 'utf8')].flatMap((text) => [...text.matchAll(/\bp?call\('(\w+)'/g)]);
  const direct = texts.flatMap((text) => [...text.matchAll(/\bredis\.([a-z]+)\(/g)]);
  const own = ['on', 'once', 'disconnect', 'nodes', 'call', 'pcall'];
  const known = new Set([...inScripts, ...direct].map(([, command]) => (command as string).toLowerCase()));
  for (const command of ['publish', 'subscribe', 'hget', 'zadd', 'incrby']) expect(known).toContain(command);
  const told = (command: string) => costOf(command) !== costOf('no such command');
  expect([...known].filter((command) => !own.includes(command) && !told(command))).toEqual([]);
});
