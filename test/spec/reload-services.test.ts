/** Reloads of what lives as long as the process: the port's times and bounds, certificates, tokens, Redis. */
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { Redis } from 'ioredis';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { listening } from '../support/ports.ts';
import { newKey, type ProviderKey, sign, startProvider } from '../support/provider.ts';
import { startRedis } from '../support/redis.ts';
import { type ReloadableApp, startReloadable } from '../support/reloadable.ts';
import { upstreamForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';

const upstream = await upstreamForAll();

describe('the main port', () => {
  it('has other bounds for the next request, and other times', async () => {
    await using app = await startReloadable(upstream.url, 'http: {fieldsMaxBytes: 16384}\n');
    const long = `X-Long: ${'x'.repeat(4_000)}\r\n`;
    expect((await app.send('GET /v1/contacts', long)).status).toBe(200);
    // This connection has been open since before.
    await using caller = await app.call();
    const again = () => caller.send(app.request('GET /v1/contacts', long)).answer('GET');
    expect((await again()).field('keep-alive')).toBe('timeout=75');
    const others = 'http: {fieldsMaxBytes: 2048, keepAliveTimeoutMs: 9000, connectionMaxRequests: 2}\n';
    expect(await app.change(others)).toMatchObject({ result: 'applied', restartNeeded: [] });
    expect((await app.send('GET /v1/contacts')).field('keep-alive')).toBe('timeout=9');
    expect((await again()).status).toBe(431);
  });

  it('waits for bodies by the times that there are when they begin', async () => {
    await using app = await startReloadable(upstream.url, 'http: {bodyIdleTimeoutMs: 600000}\n');
    await app.change('http: {bodyIdleTimeoutMs: 100}\n');
    await using caller = await app.call();
    const [head] = app.request('POST /v1/contacts', '', 'x'.repeat(100)).toString('latin1').split('\r\n\r\n');
    caller.send(`${head}\r\n\r\nnot all`);
    expect((await caller.answer('POST')).status).toBe(408);
  });

  it('shows another certificate, from other files', async () => {
    const authority = createAuthority('Weir test');
    const files: Record<string, string> = {};
    for (const name of ['one', 'two']) {
      const { cert, key } = authority.issue(name, ['localhost']);
      Object.assign(files, { [`${name}.crt`]: cert, [`${name}.key`]: key });
    }
    const tls = (name: string, more = '') =>
      `profile: none\nlisten: {tls: {certFile: FOLDER/${name}.crt, keyFile: FOLDER/${name}.key${more}}}\nauth: {open: true}\n`;
    await using app = await startReloadable(upstream.url, tls('one'), files, { UPSTREAM_URL: upstream.url });
    const shown = async (): Promise<string | undefined> => {
      const socket = connect({ port: app.port, host: '127.0.0.1', ca: authority.cert, servername: 'localhost' });
      await once(socket, 'secureConnect');
      const subject = String(socket.getPeerCertificate().subject.CN);
      socket.destroy();
      return subject;
    };
    expect(await shown()).toBe('one');
    const report = await app.change(tls('two', ', minVersion: TLSv1.3'));
    expect(report).toMatchObject({ result: 'applied', restartNeeded: [] });
    expect(await shown()).toBe('two');
    expect(await app.change(tls('two', ', clientCaFile: FOLDER/one.crt'))).toMatchObject({
      restartNeeded: expect.arrayContaining(['listen.tls.clientCaFile']),
    });
  });
});

describe('what else lives as long as the process', () => {
  it('keeps large bodies in another folder, and needs the old one no more', async () => {
    const yaml = (name: string) => `bodies: {folder: FOLDER/${name}, memoryMaxBytes: 16384}\n`;
    await using app = await startReloadable(upstream.url, yaml('one'), {}, {}, (folder) => {
      for (const name of ['one', 'two']) mkdirSync(join(folder, name));
    });
    const send = async () => (await app.send('POST /v1/messages', '', 'x'.repeat(100_000))).status;
    expect(await send()).toBe(200);
    expect(await app.change(yaml('none'))).toMatchObject({ result: 'refused' });
    expect(await app.change(yaml('two'))).toMatchObject({ changed: ['bodies.folder'], restartNeeded: [] });
    rmSync(join(app.folder, 'one'), { recursive: true });
    expect(await send()).toBe(200);
    expect(readdirSync(join(app.folder, 'two'))).toHaveLength(1);
    expect(existsSync(join(app.folder, 'one'))).toBe(false);
  });

  it('shows figures that are as fresh as they should be now', async () => {
    await using app = await startReloadable(upstream.url, 'ops: {figuresMaxAgeMs: 60000}\n');
    const counted = async (): Promise<boolean> => {
      const text = await (await fetch(`http://127.0.0.1:${app.opsPort}/metrics`)).text();
      return text.includes('weir_requests_total{class="contacts"');
    };
    expect(await counted()).toBe(false);
    await app.send('GET /v1/contacts');
    expect(await counted()).toBe(false);
    await app.change('ops: {figuresMaxAgeMs: 0}\n');
    expect(await counted()).toBe(true);
  });
});

describe('authorities', () => {
  const [first, second] = [createAuthority('First'), createAuthority('Second')];
  const free = 'profile: none\nauth: {open: true}\n';

  it('may be others that vouch for the upstream', async () => {
    const { cert, key } = second.issue('upstream', ['localhost']);
    const secure = createServer({ cert, key }, (_, response) => void response.end('ok'));
    const port = await listening(secure);
    const yaml = `${free}coreapp: {url: "https://localhost:${port}", caFile: FOLDER/ca}\nlimits: {default: {holdMaxMs: 200}}\n`;
    await using app = await startReloadable('', yaml, { ca: first.cert });
    // On a slow machine the time in line may end before an attempt does: that is a 503, and says nothing of certificates.
    const answered = (wanted: number): Promise<unknown> =>
      until(async () => (await app.ask('GET /x', 'Host: weir\r\n')).status === wanted, { what: `a ${wanted}` });
    await answered(502);
    app.write('ca', second.cert);
    const changed = ['coreapp.caFile', 'coreapp.certFile', 'coreapp.keyFile'];
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ changed, restartNeeded: [] });
    await answered(200);
    secure.close();
  });

  it('may be others that vouch for callers', async () => {
    const own = first.issue('weir', ['localhost']);
    const files = { ca: first.cert, cert: own.cert, key: own.key };
    const tls = '{certFile: FOLDER/cert, keyFile: FOLDER/key, clientCaFile: FOLDER/ca}';
    const env = { UPSTREAM_URL: upstream.url };
    await using app = await startReloadable(upstream.url, `${free}listen: {tls: ${tls}}\n`, files, env);
    const caller = second.issue('caller');
    const told = async (): Promise<string> => {
      const socket = connect({ ...caller, port: app.port, host: '127.0.0.1', ca: first.cert, servername: 'localhost' });
      socket.on('error', () => {});
      socket.write('GET /x HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n\r\n');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk: Buffer) => chunks.push(chunk));
      await once(socket, 'close');
      return Buffer.concat(chunks).toString().split('\r\n', 1)[0] as string;
    };
    expect(await told()).toBe('');
    app.write('ca', second.cert);
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ restartNeeded: [] });
    expect(await told()).toBe('HTTP/1.1 200 OK');
  });
});

describe('tokens of an identity provider', () => {
  it('are taken from the reload on that names it, and no longer after one that does not', async () => {
    const key = await newKey('1');
    await using provider = await startProvider(key);
    await using app = await startReloadable(upstream.url, '{}\n');
    const exp = Math.floor(Date.now() / 1_000) + 3_600;
    const token = await sign(key, { iss: 'https://login', aud: 'weir', sub: 'anna', exp });
    const status = async () =>
      (await app.ask('GET /v1/contacts', `Host: weir\r\nAuthorization: Bearer ${token}\r\n`)).status;
    const jwt = (audience: string) =>
      `auth: {jwt: {issuer: "https://login", audience: ${audience}, jwksUrl: "${provider.url}"}}\n`;
    expect(await status()).toBe(401);
    await app.change(jwt('weir'));
    expect(await status()).toBe(200);
    // It was in the cache: by other settings it has to be judged anew.
    await app.change(jwt('another'));
    expect(await status()).toBe(401);
    await app.change('{}\n');
    expect(await status()).toBe(401);
  });
});

describe('a file of an identity provider’s keys', () => {
  it('is taken up when it changes: what a withdrawn key signed is valid no longer, what the new one signs is', async () => {
    const [old, next] = [await newKey('1'), await newKey('2')];
    const setOf = ({ jwk }: ProviderKey) => JSON.stringify({ keys: [jwk] });
    const yaml = 'auth: {jwt: {issuer: "https://login", audience: weir, jwksFile: FOLDER/keys}}\n';
    await using app = await startReloadable(upstream.url, yaml, { keys: setOf(old) });
    const exp = Math.floor(Date.now() / 1_000) + 3_600;
    const statusOf = async (key: ProviderKey) => {
      const token = await sign(key, { iss: 'https://login', aud: 'weir', sub: 'anna', exp });
      return (await app.ask('GET /v1/contacts', `Host: weir\r\nAuthorization: Bearer ${token}\r\n`)).status;
    };
    expect([await statusOf(old), await statusOf(next)]).toEqual([200, 401]);
    app.write('keys', setOf(next));
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ result: 'applied' });
    expect([await statusOf(old), await statusOf(next)]).toEqual([401, 200]);
  });
});

describe('the password of Redis', () => {
  it.each(['in the URL', 'apart'])('may be another one, %s: shown at once, and when one connects', async (place) => {
    await using redis = await startRedis(['--requirepass', 'first-password']);
    const urlWith = (password: string) => redis.url.replace('redis://', `redis://:${password}@`);
    const apart = place === 'apart';
    const yaml = apart
      ? `redis: {url: "${redis.url}", passwordFile: FOLDER/redis}\n`
      : 'redis: {urlFile: FOLDER/redis}\n';
    const fileOf = (password: string) => `${apart ? password : urlWith(password)}\n`;
    await using app = await startReloadable(upstream.url, yaml, { redis: fileOf('first-password') });
    using opened = new DisposableStack();
    const admin = opened.adopt(new Redis(urlWith('first-password')), (client) => client.disconnect());
    await admin.config('SET', 'requirepass', 'second-password');
    app.write('redis', fileOf('wrong-password'));
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ changed: ['redis.url'], restartNeeded: [] });
    const refused = ({ events }: ReloadableApp) =>
      events.filter(({ message }) => /refuses the new login/.test(message));
    await until(() => refused(app).length === 1, { what: 'the wrong one to be refused' });
    expect(await app.user('anna')).not.toBe('');
    app.write('redis', fileOf('second-password'));
    expect(await app.reloads.reload('SIGHUP')).toMatchObject({ changed: ['redis.url'] });
    await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await until(async () => (await app.user('otto').catch(() => '')) !== '', { what: 'Redis to serve again' });
    expect(JSON.stringify(app.events)).not.toMatch(/(first|second|wrong)-password/);
  });

  it('does not let it be another server', async () => {
    await using redis = await startRedis();
    await using app = await startReloadable(upstream.url, `redis: {url: "${redis.url}"}\n`);
    const elsewhere = `redis: {url: "${redis.url.replace('127.0.0.1', '127.0.0.2')}"}\n`;
    expect(await app.change(elsewhere)).toMatchObject({ result: 'unchanged', restartNeeded: ['redis.url'] });
  });
});
