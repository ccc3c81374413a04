/**
 * Secrets never: a real process is given every secret it can have, callers show theirs rightly and wrongly, the store
 * breaks, and then nothing that was said anywhere holds one of them.
 */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { basic } from '../support/basic.ts';
import { testFile } from '../support/files.ts';
import { openCaller } from '../support/raw.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';
import { startWeir } from '../support/weir.ts';

const secrets = {
  adminPassword: 'Admin-Secret-1!',
  redisPassword: 'Redis-Secret-2',
  apiKey: 'Key-Secret-3-0123456789',
  coreappToken: 'Coreapp-Secret-4',
  userPassword: 'User-Secret-5!',
  newPassword: 'New-Secret-6!',
  wrongPassword: 'Wrong-Secret-7!',
  wrongKey: 'Wrong-Key-Secret-8',
  strayToken: 'Stray-Token-Secret-9',
  operatorToken: 'Operator-Secret-10',
};

const yaml = `coreapp: {authorization: Bearer ${secrets.coreappToken}}
ops: {token: ${secrets.operatorToken}}
limits: {contacts: {holdMaxMs: 600000}}
`;

/** All that the ops port tells: of those who wait, of what was ordered, and of wrong questions. */
async function toldByOps(opsUrl: string, authorization: string): Promise<string> {
  const fields: Record<string, string> = authorization === '' ? {} : { authorization };
  const told: string[] = [];
  for (const path of [
    ...[
      '/',
      '/page.js',
      '/livez',
      '/readyz',
      '/metrics',
      '/runbook',
      '/steering',
      '/nothing',
      '/status/requests/waits',
    ],
    ...['', '?callers=10&recent=true', '?class=contacts&callers=10', '?fleet=true&callers=10', '?callers=x'].map(
      (query) => `/status${query}`,
    ),
  ]) {
    const { fields: answered, text } = await ask('GET', opsUrl + path, { fields });
    told.push(JSON.stringify(answered), text);
  }
  for (const path of ['/events', '/events?fleet=true']) {
    const leaving = new AbortController();
    const { body } = await fetch(opsUrl + path, { headers: fields, signal: leaving.signal });
    told.push(new TextDecoder().decode((await body?.getReader().read())?.value));
    leaving.abort();
  }
  return told.join('\n');
}

describe('a process that knows secrets', () => {
  it('says none of them, in the log, on the terminal, in metrics or status, to whom it refuses, or when the store breaks', async () => {
    await using redis = await startRedis(['--requirepass', secrets.redisPassword]);
    await using upstream = await startUpstream(say(answer(200, {}, 'ok')));
    await using config = await testFile('weir.yaml', yaml);
    await using weir = await startWeir({
      WEIR_CONFIG: config.path,
      COREAPP_URL: upstream.url,
      REDIS_URL: `redis://:${secrets.redisPassword}@127.0.0.1:${redis.port}`,
      WA_API_KEY: secrets.apiKey,
      WEIR_ADMIN_PASSWORD: secrets.adminPassword,
      LOG_LEVEL: 'trace',
    });
    const told: string[] = [];
    const tell = async (line: string, authorization: string, body?: unknown) => {
      const [method = '', path = ''] = line.split(' ');
      const fields = { ...(authorization === '' ? {} : { authorization }), cookie: `session=${secrets.strayToken}` };
      const answered = await ask(method, `${weir.url}${path}`, { fields, ...(body === undefined ? {} : { body }) });
      if (!line.includes('/login') || answered.status !== 200)
        told.push(JSON.stringify(answered.fields) + answered.text);
      return answered;
    };
    const login = async (name: string, password: string, body?: unknown): Promise<string> => {
      const answered = await tell('POST /v1/users/login', basic(name, password), body);
      return answered.status === 200 ? (answered.json.users[0].token as string) : '';
    };

    const admin = `Bearer ${await login('admin', secrets.adminPassword)}`;
    await tell('POST /v1/users', admin, { username: 'worker', password: secrets.userPassword });
    const worker = `Bearer ${await login('worker', secrets.userPassword)}`;
    await tell('PUT /v1/users/worker', admin, { password: secrets.newPassword });
    const again = `Bearer ${await login('worker', secrets.newPassword)}`;
    expect([admin, worker, again].every((token) => token.length > 40)).toBe(true);
    const tokens = [admin, worker, again].map((token) => token.slice('Bearer '.length));

    for (const [line, authorization, body] of [
      ['POST /v1/users/login', basic('worker', secrets.wrongPassword)],
      ['POST /v1/users/login', `${basic('worker', secrets.wrongPassword)}!`],
      ['POST /v1/users/login', basic('worker', secrets.newPassword), `{"new_password":"${secrets.wrongPassword}"`],
      ['POST /v1/users/login', basic('worker', secrets.newPassword), { unexpected: secrets.strayToken }],
      ['POST /v1/users', admin, { username: 'other', password: secrets.wrongPassword.toLowerCase() }],
      ['POST /v1/messages', worker, '{}'],
      ['POST /v1/messages', again, '{}'],
      [`GET /v1/contacts?access_token=${tokens[2]}`, again],
      ['GET /v1/contacts', `Digest ${secrets.strayToken}`],
      ['GET /v1/contacts', `Bearer ${secrets.strayToken}`],
      ['GET /v1/health', `Apikey ${secrets.apiKey}`],
      ['GET /v1/health', `Apikey ${secrets.wrongKey}`],
      ['POST /v1/messages', `Apikey ${secrets.apiKey}`],
      ['GET /v1/metrics', `Apikey ${secrets.apiKey}`],
      ['GET /metrics?format=prometheus', admin],
    ] as const) {
      await tell(line, authorization, body);
    }
    await using caller = await openCaller(Number(new URL(weir.url).port));
    caller.send(
      `GET /v1/contacts HTTP/1.1\r\nHost: weir\r\nAuthorization: ${admin}\r\nbroken ${secrets.strayToken}\r\n\r\n`,
    );
    told.push((await caller.answer()).text);
    const operator = `Bearer ${secrets.operatorToken}`;
    const pause = `${weir.opsUrl}/steering/pauses/callers/user:worker`;
    for (const authorization of [`Bearer ${secrets.strayToken}`, operator]) {
      told.push(
        (await ask('PUT', pause, { fields: { authorization, 'content-type': 'application/json' }, body: {} })).text,
      );
    }
    const waits = ask('GET', `${weir.url}/v1/contacts`, { fields: { authorization: again, 'x-request-id': 'waits' } });
    const why = `${weir.opsUrl}/status/requests/waits`;
    await until(async () => (await ask('GET', why)).status === 200, { what: 'somebody to wait' });
    const [toOperator, toOthers] = [await toldByOps(weir.opsUrl, operator), await toldByOps(weir.opsUrl, '')];
    told.push(toOperator, toOthers);
    // Names are for operators.
    expect([toOperator, toOthers].map((text) => text.includes('user:worker'))).toEqual([true, false]);
    expect(toOthers).toMatch(/user:#\w{8}/);
    expect(toOthers).not.toContain('worker"');
    expect(
      (await ask('POST', `${weir.opsUrl}/steering/requests/waits/end`, { fields: { authorization: operator } })).status,
    ).toBe(200);
    told.push((await waits).text);
    await redis.kill('SIGKILL');
    await tell('POST /v1/users/login', basic('worker', secrets.newPassword));
    await tell('POST /v1/messages', `Bearer ${'x'.repeat(43)}`);
    for (const path of ['/metrics', '/status', '/readyz']) told.push((await ask('GET', `${weir.opsUrl}${path}`)).text);
    await tell('POST /v1/users/logout', again);
    const { code } = await weir.process.stop(60_000, 'SIGINT');
    expect(code).toBe(0);

    const output = [...told, weir.process.transcript()].join('\n');
    expect(output).toContain('"msg":"request"'); // Something was looked at.
    expect(output).toContain('worker');
    const basics = (['adminPassword', 'userPassword', 'newPassword', 'wrongPassword'] as const).map((name) =>
      basic(name === 'adminPassword' ? 'admin' : 'worker', secrets[name]).slice('Basic '.length),
    );
    const digests = tokens.map((token) => createHash('sha256').update(token).digest('hex'));
    const known = { ...secrets, ...Object.fromEntries([...basics, ...tokens, ...digests].map((text) => [text, text])) };
    const found = Object.entries(known).filter(([, secret]) => output.includes(secret));
    expect(found.map(([name]) => name)).toEqual([]);
  });
});
