/** One address opens all the connections there may be: the others are served all the same. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.ts';
import { createAuthority } from '../support/certificates.ts';
import { Folder } from '../support/files.ts';
import { RawCaller } from '../support/raw.ts';
import { callSecurely, type SecureApp, startSecureApp } from '../support/secure-app.ts';
import { until } from '../support/until.ts';
import { sayNothing, startUpstream, type Upstream } from '../support/upstream.ts';

const connectionsMax = 40;
const crowd = 60;

let upstream: Upstream;
let callers: RawCaller[];
beforeEach(async () => {
  upstream = await startUpstream();
  callers = [];
});
afterEach(async () => {
  for (const caller of callers) await caller[Symbol.asyncDispose]();
  await upstream.stop();
});

/** From another address than all the others. */
async function callFrom(localAddress: string, port: number): Promise<RawCaller> {
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true });
  await once(socket, 'connect');
  const caller = new RawCaller(socket);
  callers.push(caller);
  return caller;
}

async function flood(port: number, greet: (caller: RawCaller) => Promise<unknown>): Promise<void> {
  for (let i = 0; i < crowd; i++) await greet(await callFrom('127.0.0.1', port));
}

const open = (): number => callers.filter(({ socket }) => !socket.destroyed && !socket.readableEnded).length;

describe('A stranger', () => {
  let app: TestApp;
  const settled = async (yaml = ''): Promise<void> => {
    const http = `{connectionsMax: ${connectionsMax}, keepAliveTimeoutMs: 600000${yaml}}`;
    app = await startTestApp(upstream.url, `http: ${http}`);
  };
  afterEach(() => app.close(0));

  /** On a connection of its own, from an address that has no other. */
  async function expectServed(address: string): Promise<RawCaller> {
    const caller = await callFrom(address, app.port);
    caller.send(app.request('GET /v1/contacts'));
    expect(await caller.answer()).toMatchObject({ status: 200, text: 'ok' });
    return caller;
  }

  async function underWay(): Promise<number> {
    const { lines, permits } = await app.status();
    return [...lines.map(({ requests }) => requests), ...permits.map(({ inUse }) => inUse)].reduce((a, b) => a + b, 0);
  }

  const refused = async (caller: RawCaller): Promise<void> => {
    caller.send('GET /v1/contacts HTTP/1.1\r\nHost: weir\r\n\r\n');
    expect((await caller.answer()).status).toBe(401);
  };

  it.each<[string, (caller: RawCaller) => Promise<unknown>]>([
    ['keeps connections open after a 401', refused],
    ['keeps connections open on which it sends nothing', () => Promise.resolve()],
    ['sends slow heads', async (caller) => caller.send('GET /v1/contacts HTTP/1.1\r\nHost: w')],
  ])('that %s leaves room for others', async (_, greet) => {
    await settled();
    await flood(app.port, greet);
    for (let other = 2; other <= 9; other++) await expectServed(`127.0.0.${other}`);
    // What it did first gave way to what it did later: it is served as well, as long as it asks for little.
    await refused(await callFrom('127.0.0.1', app.port));
    const warnings = app.events.filter(({ message }) => message === 'too many connections');
    expect(warnings.map(({ fields }) => fields)).toEqual([{ remote: '127.0.0.1', closed: 'an idle one' }]);
  });

  it('closes nobody’s connection that has shown a credential', async () => {
    await settled();
    const known = await expectServed('127.0.0.2');
    await flood(app.port, refused);
    for (let other = 3; other <= 40; other++) await refused(await callFrom(`127.0.0.${other}`, app.port));
    known.send(app.request('GET /v1/contacts'));
    expect((await known.answer()).status).toBe(200);
  });

  it('has no more connections than http.connectionsPerAddressMax says', async () => {
    await settled(', connectionsPerAddressMax: 5');
    await flood(app.port, refused);
    await until(() => open() === 5, { what: 'five open connections' });
    await expectServed('127.0.0.2');
  });

  it('behind a trusted proxy is not alone: its address has no bound', async () => {
    await settled(', connectionsPerAddressMax: 5, trustedProxies: [127.0.0.1]');
    for (let i = 0; i < connectionsMax; i++) await refused(await callFrom('127.0.0.1', app.port));
    expect(open()).toBe(connectionsMax);
  });

  it('behind a trusted proxy has its share of the requests that come from there, and others are served', async () => {
    await settled(', trustedProxies: [127.0.0.1]');
    const ask = async (path: string, from: string): Promise<RawCaller> => {
      const caller = await callFrom('127.0.0.1', app.port);
      return caller.send(app.request(`GET ${path}`, `X-Forwarded-For: ${from}\r\n`));
    };
    upstream.play(sayNothing);
    // In line and in flight.
    for (let i = 0; i < 36; i++) await ask('/v1/contacts', '192.0.2.1');
    await until(async () => (await underWay()) === 36, { what: 'as many requests as one may have' });
    const refused = await (await ask('/v1/users/admin', '192.0.2.1')).answer();
    expect(refused).toMatchObject({ status: 503, json: { errors: [{ code: 1016 }] } });
    expect(refused.json.errors[0].details).toBe('Too many requests from this address are under way.');
    expect((await (await ask('/v1/users/admin', '192.0.2.2')).answer()).status).toBe(200);
    callers[0]?.reset();
    await until(async () => (await underWay()) === 35, { what: 'one to be gone' });
    expect((await (await ask('/v1/users/admin', '192.0.2.1')).answer()).status).toBe(200);
  });

  it('with a token that has requests under way on all that it may have is turned away, and others are served', async () => {
    await settled();
    upstream.play(sayNothing);
    await flood(app.port, async (caller) => caller.send(app.request('GET /v1/contacts')));
    await until(() => open() === 36, { what: 'nine tenths of the connections' });
    await refused(await callFrom('127.0.0.2', app.port));
  });
});

describe('With TLS', () => {
  const authority = createAuthority('Weir test authority');
  let folder: Folder;
  let app: SecureApp;
  beforeEach(async () => {
    folder = new Folder();
    const { cert, key } = authority.issue('weir', ['localhost']);
    const tls = `certFile: ${folder.write('tls.crt', cert)}, keyFile: ${folder.write('tls.key', key)}`;
    const http = `connectionsMax: ${connectionsMax}, headTimeoutMs: 600000, keepAliveTimeoutMs: 600000`;
    app = await startSecureApp(upstream.url, `listen: {tls: {${tls}}}\nhttp: {${http}}`, folder);
  });
  afterEach(async () => {
    await app[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it('handshakes that hang leave room for others, and for their own address', async () => {
    await flood(app.port, () => Promise.resolve());
    for (const localAddress of ['127.0.0.2', '127.0.0.1']) {
      const caller = await callSecurely(app.port, { ca: authority.cert, localAddress });
      callers.push(caller);
      expect((await caller.health()).status).toBe(200);
    }
  });

  it('so do secure connections of strangers; one that has shown its key stays', async () => {
    const caller = await callSecurely(app.port, { ca: authority.cert, localAddress: '127.0.0.2' });
    callers.push(caller);
    await caller.health();
    for (let other = 3; other <= crowd; other++) {
      const stranger = await callSecurely(app.port, { ca: authority.cert, localAddress: `127.0.0.${other}` });
      callers.push(stranger);
      stranger.send('GET /v1/contacts HTTP/1.1\r\nHost: weir\r\n\r\n');
      expect((await stranger.answer()).status).toBe(401);
    }
    await until(() => open() === connectionsMax, { what: 'as many connections as there may be' });
    expect((await caller.health()).status).toBe(200);
  });
});
