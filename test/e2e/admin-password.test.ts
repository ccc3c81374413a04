/** `WEIR_ADMIN_PASSWORD` is set at a start, and at nothing less than a start. */
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { basic } from '../support/basic.ts';
import { startProcess } from '../support/processes.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { adminPassword, login, startWeir } from '../support/weir.ts';

const changedTo = 'Changed-2026!';

async function statusOfLogin(url: string, password: string): Promise<number> {
  const authorization = basic('admin', password);
  const response = await fetch(`${url}/v1/users/login`, { method: 'POST', headers: { authorization } });
  await response.body?.cancel();
  return response.status;
}

/** Weir's connection for accounts, by the number that Redis gave it; null: there is none. */
async function accountsConnection(redis: Redis): Promise<string | null> {
  const list = String(await redis.client('LIST'));
  return /^id=(\d+) .*name=weir-accounts /m.exec(list)?.[1] ?? null;
}

it('a password that was changed since outlives a reconnect to Redis, and a start that fails', async () => {
  await using redis = await startRedis();
  await using weir = await startWeir({ REDIS_URL: redis.url });
  const token = await login(weir.url);
  const changed = await fetch(`${weir.url}/v1/users/admin`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ password: changedTo }),
  });
  expect(changed.status).toBe(200);

  const operator = new Redis(redis.url);
  try {
    const before = await accountsConnection(operator);
    await operator.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => ![null, before].includes(await accountsConnection(operator)), {
      what: 'another connection',
    });
  } finally {
    operator.disconnect();
  }
  await until(async () => (await statusOfLogin(weir.url, changedTo)) === 200, {
    what: 'the changed password to be valid',
  });
  expect(await statusOfLogin(weir.url, adminPassword)).toBe(401);

  const { port } = new URL(weir.url);
  const second = startProcess(['serve'], {
    env: { HOST: '127.0.0.1', PORT: port, OPS_PORT: '0', REDIS_URL: redis.url, WEIR_ADMIN_PASSWORD: 'Another-2026!' },
  });
  expect((await second.exited).code).toBe(1);
  expect(second.stderr.at(-1)).toContain(`listen.port (PORT): ${port} is taken`);
  expect(await statusOfLogin(weir.url, changedTo)).toBe(200);
  expect(await statusOfLogin(weir.url, 'Another-2026!')).toBe(401);
  // Had the reconnect or the failed start set it again, the audit would say so by now.
  const byConfiguration = [...weir.process.stdout, ...second.stdout].filter((line) =>
    line.includes('"by":"configuration"'),
  );
  expect(byConfiguration).toEqual([expect.stringContaining('"action":"user.add"')]);
});
