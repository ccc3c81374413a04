/** Large answers are read into one buffer again and again (`wire/lent.ts`): none of their bytes may be another's. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../../support/app.ts';
import { listening } from '../../support/ports.ts';

/** No two stretches of it are alike, so that one in another's place shows. */
const content = Buffer.alloc(6_000_000);
for (let i = 0; i < content.length; i += 4) content.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i);
const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

let upstream: Server;
let app: TestApp;

beforeAll(async () => {
  upstream = createServer((request, response) => {
    if (request.url?.endsWith('/chunks') === true) {
      // Of sizes that fit no buffer.
      for (let at = 0; at < content.length; at += 70_001) response.write(content.subarray(at, at + 70_001));
      response.end();
    } else response.writeHead(200, { 'Content-Length': content.length }).end(content);
  });
  const free = '{ rate: 1000000, burst: 1000000 }';
  const port = await listening(upstream);
  app = await startTestApp(`http://127.0.0.1:${port}`, `limits: { media: ${free} }`);
});
afterAll(async () => {
  await app.close(0);
  upstream.closeAllConnections();
  upstream.close();
});

/** @param takes how many parts are taken before the reader stands still for some turns of the loop; 0: it never does */
async function taken(path: string, takes: number, agent: Agent): Promise<string> {
  const headers = { authorization: `Bearer ${app.token}` };
  const [answer] = (await once(get({ host: '127.0.0.1', port: app.port, path, headers, agent }), 'response')) as [
    IncomingMessage,
  ];
  const parts: Buffer[] = [];
  for await (const part of answer) {
    parts.push(part as Buffer);
    if (takes > 0 && parts.length % takes === 0) {
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }
  return hashOf(Buffer.concat(parts));
}

it.each(['/v1/media/length', '/v1/media/chunks'])(
  '%s arrives as it was, by quick readers and slow ones at once',
  async (path) => {
    const agent = new Agent({ keepAlive: true });
    const readers = [0, 0, 1, 3, 7, 0, 2];
    for (let round = 0; round < 2; round++) {
      const hashes = await Promise.all(readers.map((takes) => taken(path, takes, agent)));
      expect(hashes).toEqual(readers.map(() => hashOf(content)));
    }
    agent.destroy();
  },
);
