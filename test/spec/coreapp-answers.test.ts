/** What only looks like a 1xx answer (wire/rows/ has those that are), and how old a connection to the Coreapp may get. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { listening } from '../support/ports.ts';
import { startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say } from '../support/upstream.ts';
import { connectClient } from '../support/wire-client.ts';

const created = answer(201, {}, 'made');
const go = 'HTTP/1.1 100 Continue\r\n\r\n';
const goOn = 'HTTP/1.1 100 Go on\r\nX-Any: 1\r\nX-Other: 2\r\n\r\n';

describe('100 Continue that nobody asked for', async () => {
  const { upstream, app } = await startForAll();

  it('in a body is the body’s, wherever it stands in it', async () => {
    const body = go + goOn + go;
    upstream.play((_, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`, () => {
        setImmediate(() => socket.write(go, () => setImmediate(() => socket.write(goOn + go))));
      });
    });
    expect(await app.send('POST /v1/messages', '', '{}')).toMatchObject({ status: 200, text: body });
  });

  it('is no answer to a request whose body is in a file, either', async () => {
    upstream.play(say(go + created));
    expect(await app.send('POST /v1/media', '', 'x'.repeat(300_000))).toMatchObject({ status: 201 });
  });
});

describe('A connection to the Coreapp', () => {
  it('is closed once it is old, and the next one goes where the name leads by then', async () => {
    const seen: string[] = [];
    const start = (address: string) =>
      createServer((socket) => {
        socket.on('error', () => {});
        socket.on('data', () => {
          seen.push(address);
          socket.write(answer(200, { 'Keep-Alive': 'timeout=600' }));
        });
      });
    const [first, second] = ['127.0.0.1', '127.0.0.2'];
    const servers = [start(first), start(second)] as const;
    const port = await listening(servers[0], 0, first);
    await listening(servers[1], port, second);
    let leadsTo = first;
    const ageMs = 100;
    await using client = connectClient({
      url: `http://coreapp.test:${port}`,
      connectionMaxAgeMs: ageMs,
      lookup: (_name, { all }, tell) => {
        if (all === true) tell(null, [{ address: leadsTo, family: 4 }]);
        else tell(null, leadsTo, 4);
      },
    });
    await client.ask();
    const old = Date.now() + ageMs;
    leadsTo = second;
    await until(() => Date.now() > old + 1, { what: 'the connection to be old' });
    await client.ask();
    expect(seen).toEqual([first, second]);
    const open = () => new Promise((tell) => servers[0].getConnections((_, count) => tell(count)));
    await until(async () => (await open()) === 0, { what: 'the old connection to be closed' });
    for (const server of servers) server.close();
  });
});
