/** The profile cloud in front of its simulator: two replicas on one Redis, limits met, trouble in the middle. */
import { beforeAll, describe, expect, it } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import { RedisAccounts } from '../../src/adapters/redis/accounts.ts';
import { cloudDefaults, SimulatedCloud } from '../../src/simulator/apis/cloud/cloud.ts';
import { startApi } from '../../src/simulator/apis/server.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { connectedTo } from '../support/redis-buckets.ts';
import { redisForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';

interface Seen {
  readonly accepted: number;
  readonly duplicates: number;
  readonly refused: Readonly<Record<string, number>>;
  readonly recipients: Readonly<Record<string, readonly string[]>>;
}

const redis = await redisForAll();
let token: string;
beforeAll(async () => {
  const connection = await connectedTo(redis.url, 5_000);
  const accounts = new RedisAccounts(connection, machineClock);
  await accounts.addUser({ name: 'crm', role: 'ROLE_USER', passwordHash: '', mustChangePassword: false });
  const user = await accounts.findUser('crm');
  token = nodeSecrets.token();
  if (user !== undefined) await accounts.makeToken(nodeSecrets.digest(token), user, Date.now() + 3_600_000, 'test');
  connection.disconnect();
});

const yaml = `profile: cloud
coreapp: {authorization: Bearer of-the-vendor}
limits: {messages: {holdMaxMs: 600000}}
stop: {graceMs: 600000}`;

/** However long it is held. */
async function answered(app: TestApp, line: string, fields: string, body: string) {
  await using caller = await app.call();
  caller.send(`${line} HTTP/1.1\r\n${fields}\r\n`).send(body);
  return await caller.answer(line.split(' ')[0], 170_000);
}

async function world(settings: Partial<typeof cloudDefaults> = {}) {
  const cloud = new SimulatedCloud({ ...cloudDefaults, token: 'of-the-vendor', ...settings });
  const simulator = await startApi(cloud);
  const apps = await Promise.all([0, 1].map(() => startTestApp(simulator.url, yaml, { REDIS_URL: redis.url })));
  let sent = 0;
  const ask = (line: string, body: unknown) => {
    const text = body === null ? '' : JSON.stringify(body);
    const length =
      body === null ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n`;
    const app = apps[sent++ % 2] as TestApp;
    return answered(app, line, `Host: weir\r\nAuthorization: Bearer ${token}\r\n${length}`, text);
  };
  return {
    cloud,
    apps,
    seen: () => cloud.seen() as Seen,
    ask,
    send: (number: string, to: string, mark: string) =>
      ask(`POST /v23.0/${number}/messages`, {
        messaging_product: 'whatsapp',
        to,
        type: 'text',
        text: { body: 'hello' },
        biz_opaque_callback_data: mark,
      }),
    async [Symbol.asyncDispose]() {
      for (const app of apps) await app.close(0);
      await simulator.close();
    },
  };
}

describe('Callers of the Cloud API, with a token of Weir’s in the place of the vendor’s', () => {
  it('get a 2xx each, though limits are met, all numbers are in maintenance, and an account is at its limit; nothing goes twice', async () => {
    await using w = await world();
    const numbers = ['1055', '1056', '1057', '1058'];
    const told: Promise<number>[] = [];
    const send = (number: string, to: string): void => {
      const i = told.length;
      told.push(w.send(number, to, `${i}`).then(({ status }) => status));
    };
    // 500 recipients, and one who gets more than may be borrowed. More comes while a half still waits.
    for (let i = 0; i < 1_000; i++) {
      send(numbers[i % 4] as string, `49${i % 500}`);
      if (i % 22 === 0) send('1055', '4999');
      if (i === 300) w.cloud.command('account', new URLSearchParams({ number: '1058', seconds: '3' }));
      if (i === 500) w.cloud.command('maintenance', new URLSearchParams({ seconds: '5' }));
      if (i % 100 === 99) await until(() => w.seen().accepted >= i / 2, { what: 'half of them to be sent' });
    }
    const statuses = await Promise.all(told);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    const { accepted, duplicates, recipients, refused } = w.seen();
    expect([accepted, duplicates]).toEqual([1_046, 0]);
    expect(recipients['1055 4999']).toHaveLength(46);
    for (const code of [131057, 80007]) expect(refused[code]).toBeGreaterThan(0);
    // To each recipient in the order of their coming, in each of the two replicas, which take turns.
    for (const marks of Object.values(recipients)) {
      for (const replica of [0, 1]) {
        const sent = marks.map(Number).filter((i) => i % 2 === replica);
        expect(sent).toEqual(sent.toSorted((a, b) => a - b));
      }
    }
  });

  it('are told "later" in the API’s own words where it would take too long, and others go on', async () => {
    await using w = await world({ hourly: 5 });
    const told = [];
    for (let i = 0; i < 8; i++) told.push(await w.ask('GET /v23.0/1055/phone_numbers', null));
    const codes = told.map(({ status, json }) => (status === 200 ? 200 : json.error.code));
    expect(codes.slice(0, 5)).toEqual([200, 200, 200, 200, 200]);
    expect(codes.slice(5)).toEqual([80007, 80007, 80007]);
    expect(Number(told[7]?.field('retry-after'))).toBeGreaterThan(1);
    expect((await w.send('1055', '491', 'x')).status).toBe(200);
  });

  it('never see the vendor’s 401, nor its token', async () => {
    await using w = await world({ token: 'another' });
    const told = await w.ask('GET /v23.0/1055/x', null);
    expect(told.status).toBe(503);
    expect(told.json.error.code).toBe(190);
  });
});
