/** An upgrade to WebSocket through a whole process, with Node's own client and server; the rest is in test/spec/upgrade.test.ts. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { testFile } from '../support/files.ts';
import { listening } from '../support/ports.ts';
import { login, startWeir } from '../support/weir.ts';

/** A Coreapp that switches to a protocol which echoes. */
async function startEchoing() {
  const seen: IncomingMessage[] = [];
  const server = createServer();
  server.on('upgrade', (head: IncomingMessage, socket: Socket) => {
    seen.push(head);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.pipe(socket);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { seen, url: `http://127.0.0.1:${await listening(server)}` };
}

it('carries bytes both ways, without the token of its caller, and does not hold up a stop: the process ends with 0', async () => {
  const { seen, url } = await startEchoing();
  await using config = await testFile('weir.yaml', 'stop: {lameDuckMs: 100, graceMs: 60000}\n');
  await using weir = await startWeir({ WEIR_CONFIG: config.path, COREAPP_URL: url });
  const headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    authorization: `Bearer ${await login(weir.url)}`,
  };
  const call = request(`${weir.url}/v1/socket`, { headers }).end();
  const [answer, socket] = (await once(call, 'upgrade')) as [IncomingMessage, Socket];
  expect(answer.statusCode).toBe(101);
  socket.write('hello');
  expect(String((await once(socket, 'data'))[0])).toBe('hello');
  expect(seen).toHaveLength(1);
  expect(seen[0]?.headers).toMatchObject({ upgrade: 'websocket', 'x-forwarded-for': '127.0.0.1' });
  expect(seen[0]?.headers).not.toHaveProperty('authorization');
  await weir.process.waitForLine(/"path":"\/v1\/socket","status":101/);
  const ended = once(socket.resume(), 'end');
  weir.process.kill('SIGTERM');
  await ended;
  expect(await weir.process.exited).toEqual({ code: 0, signal: null });
});
