/** TLS: the main port's certificate and its exchange, callers with certificates, and the way to Coreapp and Redis. */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adminPassword, apiKey } from '../support/app.ts';
import { basic } from '../support/basic.ts';
import { type Authority, createAuthority, type Issued } from '../support/certificates.ts';
import { Folder } from '../support/files.ts';
import { listening } from '../support/ports.ts';
import { openCaller } from '../support/raw.ts';
import { startRedis } from '../support/redis.ts';
import { callSecurely, type SecureApp, startSecureApp } from '../support/secure-app.ts';
import { until } from '../support/until.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';

const authority = createAuthority('Weir test authority');
const stranger = createAuthority('Somebody else');
const names = ['localhost', '127.0.0.1'];
const ca = authority.cert;

describe('the main port with a certificate', () => {
  let folder: Folder;
  let coreapp: Upstream;
  let app: SecureApp | null = null;
  beforeEach(async () => {
    folder = new Folder();
    coreapp = await startUpstream();
  });
  afterEach(async () => {
    await app?.[Symbol.asyncDispose]();
    app = null;
    await coreapp.stop();
    folder[Symbol.dispose]();
  });

  function write({ cert, key }: Issued, name = 'tls'): string {
    return `certFile: ${folder.write(`${name}.crt`, cert)}, keyFile: ${folder.write(`${name}.key`, key)}`;
  }
  /** @param more by default no connection ends by itself while a test looks away */
  const open = async (tls: string, more = 'http: {headTimeoutMs: 600000}'): Promise<SecureApp> => {
    app = await startSecureApp(coreapp.url, `listen: {tls: {${tls}}}\n${more}`, folder);
    return app;
  };
  const shownBy = async (port: number): Promise<string | undefined> => {
    await using caller = await callSecurely(port, { ca });
    return caller.shown;
  };

  it('serves over TLS, and tells the Coreapp that the caller came by https', async () => {
    const { port } = await open(write(authority.issue('weir', names)));
    await using caller = await callSecurely(port, { ca });
    expect([caller.tls.authorized, caller.tls.getProtocol()]).toEqual([true, 'TLSv1.3']);
    expect((await caller.health()).status).toBe(200);
    expect(coreapp.arrivals[0]?.field('x-forwarded-proto')).toBe('https');
    expect(coreapp.arrivals[0]?.field('forwarded')).toContain('proto=https');
  });

  it('speaks HTTP/1.1 and nothing else', async () => {
    const { port } = await open(write(authority.issue('weir', names)));
    await using caller = await callSecurely(port, { ca, ALPNProtocols: ['h2', 'http/1.1'] });
    expect(caller.tls.alpnProtocol).toBe('http/1.1');
    await expect(callSecurely(port, { ca, ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/);
  });

  const old = { ca, ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const;
  it.each([
    ['TLSv1.2', 'TLS 1.1', old, null],
    ['TLSv1.2', 'TLS 1.2', { ca, maxVersion: 'TLSv1.2' }, 'TLSv1.2'],
    ['TLSv1.3', 'TLS 1.2', { ca, maxVersion: 'TLSv1.2' }, null],
    ['TLSv1.3', 'TLS 1.3', { ca }, 'TLSv1.3'],
  ] as const)(
    'with minVersion %s a caller of %s comes through or is refused',
    async (minVersion, _, options, protocol) => {
      const { port, said } = await open(`${write(authority.issue('weir', names))}, minVersion: ${minVersion}`);
      if (protocol === null) {
        await expect(callSecurely(port, options)).rejects.toThrow(/protocol version/);
        await until(() => said().some((line) => /^debug TLS handshake failed .*UNSUPPORTED_PROTOCOL/.test(line)), {
          what: 'a quiet line',
        });
        expect(said().filter((line) => /^(warn|error)/.test(line))).toEqual([]);
      } else {
        await using caller = await callSecurely(port, options);
        expect(caller.tls.getProtocol()).toBe(protocol);
      }
    },
  );

  it.each([
    ['plain HTTP', (socket: Socket) => void socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['silence', () => {}],
    ['a hang-up', (socket: Socket) => void socket.destroy()],
  ])('%s in place of a handshake is closed, and noted quietly', async (_, begin) => {
    const tls = write(authority.issue('weir', names));
    const { port, opsPort, said } = await open(tls, 'http: {headTimeoutMs: 100}');
    await using caller = await openCaller(port);
    begin(caller.socket);
    await caller.closed();
    expect(caller.unread.toString('latin1')).not.toContain('HTTP/1.1');
    await until(() => said().some((line) => /^debug TLS handshake failed .*"remote"/.test(line)), { what: 'the note' });
    expect(said().filter((line) => /^(info unreadable|warn|error)/.test(line))).toEqual([]);
    const connections = async (): Promise<number> => {
      const status = await fetch(`http://127.0.0.1:${opsPort}/status`);
      return ((await status.json()) as { connections: number }).connections;
    };
    await until(async () => (await connections()) === 0, { what: 'no connection to be left' });
  });

  it('shows a new certificate to whoever connects after its files changed; who is connected notices nothing', async () => {
    const { port, said } = await open(write(authority.issue('first', names)));
    await using early = await callSecurely(port, { ca });
    const next = authority.issue('second', names, { to: new Date('2040-01-02T03:04:05Z') });
    write(next);
    await until(async () => (await shownBy(port)) === 'second', { what: 'the new certificate' });
    expect(early.shown).toBe('first');
    expect((await early.health()).status).toBe(200);
    expect(said()).toContain('info changed TLS files are in use {"expires":"2040-01-02T03:04:05.000Z"}');
    expect(said().join('\n')).not.toContain(next.key.split('\n')[1]);
  });

  it('shows one that Kubernetes has swapped in: a link that points to another folder', async () => {
    const version = (name: string): void => {
      const { cert, key } = authority.issue(name, names);
      mkdirSync(join(folder.path, name));
      writeFileSync(join(folder.path, name, 'tls.crt'), cert);
      writeFileSync(join(folder.path, name, 'tls.key'), key);
      folder.texts[join(folder.path, 'tls.crt')] ??= cert;
      folder.texts[join(folder.path, 'tls.key')] ??= key;
      symlinkSync(name, join(folder.path, '..data_tmp'));
      renameSync(join(folder.path, '..data_tmp'), join(folder.path, '..data'));
    };
    version('first');
    for (const file of ['tls.crt', 'tls.key']) symlinkSync(join('..data', file), join(folder.path, file));
    const { port } = await open(`certFile: ${join(folder.path, 'tls.crt')}, keyFile: ${join(folder.path, 'tls.key')}`);
    expect(await shownBy(port)).toBe('first');
    version('second');
    await until(async () => (await shownBy(port)) === 'second', { what: 'the swapped certificate' });
  });

  it('keeps the old one when the new files cannot do, says so once, and takes the next good ones', async () => {
    const { port, said } = await open(write(authority.issue('first', names)));
    folder.write('tls.key', authority.issue('other').key);
    const refusals = (): string[] => said().filter((line) => line.startsWith('error changed TLS files are refused'));
    await until(() => refusals().length === 1, { what: 'the refusal' });
    expect(refusals()[0]).toMatch(/listen\.tls\.keyFile: .* does not belong to the first certificate/);
    expect(await shownBy(port)).toBe('first');
    folder.write('unrelated', 'text');
    write(authority.issue('third', names));
    await until(async () => (await shownBy(port)) === 'third', { what: 'the next good certificate' });
    expect(refusals()).toHaveLength(1);
  });

  it('takes up what changed between the reading of the configuration and the start', async () => {
    const tls = write(authority.issue('read', names));
    const { cert, key } = authority.issue('changed since', names);
    writeFileSync(join(folder.path, 'tls.crt'), cert);
    writeFileSync(join(folder.path, 'tls.key'), key);
    const { port } = await open(tls);
    expect(await shownBy(port)).toBe('changed since');
  });

  describe('and mutual TLS', () => {
    const openMutual = async (issuer: Authority): Promise<SecureApp> => {
      const clientCa = folder.write('client-ca.crt', issuer.cert);
      return await open(`${write(authority.issue('weir', names))}, clientCaFile: ${clientCa}`);
    };

    it.each(['TLSv1.2', 'TLSv1.3'] as const)(
      'serves who shows a certificate of the authority (%s)',
      async (version) => {
        const { port } = await openMutual(authority);
        await using caller = await callSecurely(port, { ca, ...authority.issue('caller'), maxVersion: version });
        expect((await caller.health()).status).toBe(200);
      },
    );

    it('asks for the token all the same', async () => {
      const { port } = await openMutual(authority);
      await using caller = await callSecurely(port, { ca, ...authority.issue('caller') });
      expect((await caller.send('GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n').answer()).status).toBe(401);
    });

    const past = { from: new Date('2019-01-01T00:00:00Z'), to: new Date('2020-01-01T00:00:00Z') };
    it.each([
      ['no certificate', {}],
      ['one of another authority', stranger.issue('caller')],
      ['an expired one', authority.issue('caller', [], past)],
    ])('refuses who shows %s, before a request is read', async (_, own) => {
      const { port, said } = await openMutual(authority);
      await expect(
        (async () => {
          await using caller = await callSecurely(port, { ca, ...own });
          return await caller.health();
        })(),
      ).rejects.toThrow(/without an answer|ECONNRESET|disconnected/);
      await until(() => said().some((line) => line.startsWith('debug TLS handshake failed')), { what: 'the note' });
      expect(coreapp.arrivals).toEqual([]);
    });

    it('asks by another authority once its file has changed, also those who come again', async () => {
      const { port, said } = await openMutual(authority);
      const own = authority.issue('caller');
      await using early = await callSecurely(port, { ca, ...own, maxVersion: 'TLSv1.2' });
      expect((await early.health()).status).toBe(200);
      const session = early.tls.getSession();
      folder.write('client-ca.crt', stranger.cert);
      await until(() => said().some((line) => line.startsWith('info changed TLS')), { what: 'the change' });
      expect((await early.health()).status).toBe(200);
      await expect(
        (async () => {
          await using again = await callSecurely(port, { ca, ...own, session, maxVersion: 'TLSv1.2' });
          return await again.health();
        })(),
      ).rejects.toThrow(/without an answer|ECONNRESET|disconnected/);
      await using other = await callSecurely(port, { ca, ...stranger.issue('caller') });
      expect((await other.health()).status).toBe(200);
    });
  });
});

describe('a Coreapp behind https', () => {
  const own = authority.issue('coreapp', names);
  let folder: Folder;
  let coreapp: Http2SecureServer;
  let url: string;
  const versions: string[] = [];
  const clients: (string | undefined)[] = [];

  const start = async (options: { readonly requestCert?: boolean } = {}, host = '127.0.0.1'): Promise<void> => {
    coreapp = createSecureServer({ ...own, allowHTTP1: true, ca, ...options }, (request, response) => {
      versions.push(request.httpVersion);
      clients.push((request.socket as TLSSocket).getPeerX509Certificate()?.subject);
      response.end('ok');
    });
    coreapp.on('upgrade', (_request, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      socket.pipe(socket);
    });
    url = `https://${host === '127.0.0.1' ? 'localhost' : host}:${await listening(coreapp, 0, host)}`;
  };
  beforeEach(() => {
    folder = new Folder();
    versions.length = 0;
    clients.length = 0;
  });
  afterEach(() => {
    coreapp.close();
    folder[Symbol.dispose]();
  });

  async function health(port: number) {
    await using caller = await openCaller(port);
    caller.send(`GET /v1/health HTTP/1.1\r\nHost: weir\r\nAuthorization: Apikey ${apiKey}\r\n\r\n`);
    return await caller.answer();
  }

  /** The answer where no attempt reached it. On a busy machine the hold time may be over before the first attempt is. */
  const unreached = (port: number) =>
    until(
      async () => {
        const answer = await health(port);
        return answer.status === 502 ? answer : null;
      },
      { what: 'a 502' },
    );

  it('is reached with its own authority, over HTTP/1.1 although it offers HTTP/2', async () => {
    await start();
    await using app = await startSecureApp(url, `coreapp: {caFile: ${folder.write('ca.crt', ca)}}`, folder);
    expect([(await health(app.port)).text, versions]).toEqual(['ok', ['1.1']]);
  });

  it('is shown Weir’s certificate where it asks for one', async () => {
    await start({ requestCert: true });
    const { cert, key } = authority.issue('weir');
    const files = `caFile: ${folder.write('ca', ca)}, certFile: ${folder.write('c', cert)}, keyFile: ${folder.write('k', key)}`;
    await using app = await startSecureApp(url, `coreapp: {${files}}`, folder);
    expect([(await health(app.port)).text, clients]).toEqual(['ok', ['CN=weir']]);
  });

  it('gets WebSocket through TLS on both sides', async () => {
    await start({ requestCert: true });
    const { cert, key } = authority.issue('weir', names);
    const pair = `certFile: ${folder.write('c', cert)}, keyFile: ${folder.write('k', key)}`;
    const yaml = `listen: {tls: {${pair}}}\ncoreapp: {caFile: ${folder.write('ca', ca)}, ${pair}}`;
    await using app = await startSecureApp(url, yaml, folder);
    await using caller = await callSecurely(app.port, { ca });
    caller.send(
      `POST /v1/users/login HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nAuthorization: ${basic('admin', adminPassword)}\r\n\r\n`,
    );
    const { token } = (await caller.answer('POST')).json.users[0];
    caller.send(
      'GET /v1/socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
        `Authorization: Bearer ${token}\r\n\r\nhello`,
    );
    await until(() => /^HTTP\/1\.1 101 [\s\S]*\r\n\r\nhello$/.test(caller.unread.toString()), { what: 'the echo' });
  });

  it.each([
    [
      'another authority is trusted',
      () => `caFile: ${folder.write('ca.crt', stranger.cert)}`,
      /unable to verify|self-signed/,
    ],
    ['only the public authorities are trusted', () => 'caFile: null', /unable to verify|self-signed/],
  ])('cannot be reached where %s: 502 once the hold time is over, and the log says why', async (_, tls, why) => {
    await start();
    const yaml = `coreapp: {${tls()}}\nlimits: {default: {holdMaxMs: 200}}`;
    await using app = await startSecureApp(url, yaml, folder);
    const answer = await unreached(app.port);
    expect([answer.json.errors[0].code, versions]).toEqual([1014, []]);
    const warning = app.events.find(({ level }) => level === 'warn');
    expect(warning?.message).toContain('the Coreapp cannot be reached');
    expect(warning?.fields['detail']).toMatch(why);
  });

  it('cannot be reached where its certificate has another name', async () => {
    await start({}, '127.0.0.2');
    const yaml = `coreapp: {caFile: ${folder.write('ca.crt', ca)}}\nlimits: {default: {holdMaxMs: 200}}`;
    await using app = await startSecureApp(url, yaml, folder);
    await unreached(app.port);
    const details = app.events.map(({ fields }) => String(fields['detail']));
    expect(details.join('\n')).toMatch(/altnames/);
  });
});

describe('Redis behind rediss', () => {
  it.each([
    ['its own authority', 'no', false],
    ['its own authority and Weir’s certificate, which it asks for', 'yes', true],
  ])('is used with %s', async (_, asks, shows) => {
    await using scene = await startScene(asks);
    const { cert, key } = authority.issue('weir');
    const pair = `, certFile: ${scene.folder.write('c', cert)}, keyFile: ${scene.folder.write('k', key)}`;
    await using app = await scene.open(`caFile: ${scene.caFile}${shows ? pair : ''}`);
    expect(await storeOf(app)).toMatchObject({ kind: 'redis', up: true });
    expect(app.said().filter((line) => /Redis is away/.test(line))).toEqual([]);
  });

  it.each([
    ['another authority is trusted', () => stranger.cert, 'no', /unable to verify|self-signed/],
    ['it asks for a certificate and gets none', () => ca, 'yes', /certificate required|closed|ECONNRESET|EPIPE/i],
  ])('is away where %s, and the log says why', async (_, trusted, asks, why) => {
    await using scene = await startScene(asks);
    await using app = await scene.open(`caFile: ${scene.folder.write('trusted.crt', trusted())}`);
    expect(await storeOf(app)).toMatchObject({ kind: 'redis', up: false });
    const told = app.said().filter((line) => /^warn Redis is away/.test(line));
    expect(told.join('\n')).toMatch(why);
  });
});

async function storeOf(app: SecureApp): Promise<unknown> {
  const status = await fetch(`http://127.0.0.1:${app.opsPort}/status`);
  return ((await status.json()) as { store: unknown }).store;
}

/** A Redis with a TLS port, and a Coreapp that nobody asks. */
async function startScene(asksForCertificates: string) {
  const folder = new Folder();
  const own = authority.issue('redis', names);
  const caFile = folder.write('ca.crt', ca);
  const redis = await startRedis(([tlsPort]) => [
    ...['--tls-port', `${tlsPort}`, '--tls-auth-clients', asksForCertificates, '--tls-ca-cert-file', caFile],
    ...['--tls-cert-file', folder.write('redis.crt', own.cert), '--tls-key-file', folder.write('redis.key', own.key)],
  ]);
  return {
    folder,
    caFile,
    open: (tls: string) =>
      startSecureApp('http://127.0.0.1:9', `redis: {url: "rediss://localhost:${redis.more[0]}", ${tls}}`, folder),
    async [Symbol.asyncDispose]() {
      await redis.stop();
      folder[Symbol.dispose]();
    },
  };
}
