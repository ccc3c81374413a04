/** Requests to switch protocols: the same door, the same line, then bytes both ways. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { basic } from '../support/basic.ts';
import { type TestFile, testFile } from '../support/files.ts';
import { listening } from '../support/ports.ts';
import { adminPassword, login, type RunningWeir, startWeir } from '../support/weir.ts';

/** A Coreapp that switches to a protocol which echoes. */
function echoing(seen: IncomingMessage[]) {
  const server = createServer((_request, response) => response.end('plain'));
  server.on('upgrade', (head: IncomingMessage, socket: Socket) => {
    seen.push(head);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  return server;
}

describe('an upgrade to WebSocket', () => {
  const seen: IncomingMessage[] = [];
  let coreapp: ReturnType<typeof createServer>;
  let weir: RunningWeir;
  let token: string;
  let config: TestFile;

  beforeEach(async () => {
    seen.length = 0;
    coreapp = echoing(seen);
    const port = await listening(coreapp);
    config = await testFile(
      'weir.yaml',
      'limits: {default: {holdMaxMs: 3000}}\nstop: {lameDuckMs: 100, graceMs: 60000}\n',
    );
    weir = await startWeir({ WEIR_CONFIG: config.path, COREAPP_URL: `http://127.0.0.1:${port}` });
    token = await login(weir.url);
  });
  afterEach(async () => {
    await weir[Symbol.asyncDispose]();
    await config[Symbol.asyncDispose]();
    coreapp.closeAllConnections();
    coreapp.close();
  });

  const upgrading = (protocol: string, authorization: string) =>
    request(`${weir.url}/v1/socket`, { headers: { connection: 'Upgrade', upgrade: protocol, authorization } });

  it('passes with a valid token, without that token, and carries bytes both ways', async () => {
    const call = upgrading('websocket', `Bearer ${token}`).end();
    const [answer, socket] = (await once(call, 'upgrade')) as [IncomingMessage, Socket];
    expect(answer.statusCode).toBe(101);
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
    expect(seen).toHaveLength(1);
    expect(seen[0]?.headers).toMatchObject({ upgrade: 'websocket', 'x-forwarded-for': '127.0.0.1' });
    expect(seen[0]?.headers).not.toHaveProperty('authorization');
    await weir.process.waitForLine(/"path":"\/v1\/socket","status":101/);
  });

  it('is refused without one, and never reaches the Coreapp', async () => {
    const call = upgrading('websocket', 'Bearer wrong').end();
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(401);
    expect(answer.headers).toMatchObject({ 'www-authenticate': expect.stringContaining('Bearer') });
    answer.resume();
    expect(seen).toHaveLength(0);
  });

  it('is told 502 when the Coreapp cannot be reached', async () => {
    coreapp.closeAllConnections();
    coreapp.close();
    await once(coreapp, 'close');
    const call = upgrading('websocket', `Bearer ${token}`).end();
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(502);
    expect(await answer.toArray().then((chunks) => JSON.parse(Buffer.concat(chunks).toString()))).toMatchObject({
      errors: [{ code: 1014 }],
    });
  });

  it('that is open does not hold up a stop: it ends, and so does the process, with 0', async () => {
    const call = upgrading('websocket', `Bearer ${token}`).end();
    const [, socket] = (await once(call, 'upgrade')) as [IncomingMessage, Socket];
    const ended = once(socket.resume(), 'end');
    weir.process.kill('SIGTERM');
    await ended;
    expect(await weir.process.exited).toEqual({ code: 0, signal: null });
  });

  it('to anything else is no upgrade: the request goes on as plain HTTP/1.1', async () => {
    const call = upgrading('h2c', `Bearer ${token}`).end();
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    expect(await answer.toArray().then((chunks) => Buffer.concat(chunks).toString())).toBe('plain');
  });

  it('with a body is none either: what a login brings is read', async () => {
    const authorization = basic('admin', adminPassword);
    const headers = { connection: 'Upgrade', upgrade: 'websocket', authorization };
    const call = request(`${weir.url}/v1/users/login`, { method: 'POST', headers }).end('{"new_password": "weak"}');
    const [answer] = (await once(call, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(400);
    expect(Buffer.concat(await answer.toArray()).toString()).toContain('new_password must have');
  });
});
