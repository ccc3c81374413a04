/** 1xx answers that nobody asked for, and how old a connection to the Coreapp may get. */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { connectCoreapp } from '../../src/wire/client/coreapp.ts';
import { listening } from '../support/ports.ts';
import { startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';

const created = answer(201, {}, 'made');
const go = 'HTTP/1.1 100 Continue\r\n\r\n';
const goOn = 'HTTP/1.1 100 Go on\r\nX-Any: 1\r\nX-Other: 2\r\n\r\n';
const hints = 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n';

describe('100 Continue that nobody asked for', async () => {
  const { upstream, app } = await startForAll();

  it.each([
    ['once', go],
    ['with fields', goOn],
    ['three times', go + goOn + go],
    ['behind other 1xx, and before them', hints + go + hints + go],
  ])('%s is no answer: the one behind it is', async (_, before) => {
    upstream.play(say(before + created));
    const told = await app.send('POST /v1/messages', '', '{}');
    expect([told.status, told.text, upstream.arrivals.length]).toEqual([201, 'made', 1]);
  });

  it('may come in any pieces, and long before the answer', async () => {
    upstream.play((_, socket) => {
      const pieces = [...(go + hints + goOn + created)];
      const next = (): void => {
        const piece = pieces.shift();
        if (piece !== undefined) socket.write(piece, () => setImmediate(next));
      };
      next();
    });
    expect(await app.send('POST /v1/messages', '', '{}')).toMatchObject({ status: 201, text: 'made' });
  });

  it('leaves the connection good for the next request', async () => {
    upstream.play(say(go + created));
    for (let i = 0; i < 5; i++) expect((await app.send('POST /v1/messages', '', '{}')).status).toBe(201);
    expect(new Set(upstream.arrivals.map(({ connection }) => connection)).size).toBe(1);
  });

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
  /** Sends a request and says how it ended: the status, or the failure's cause. */
  const get = (coreapp: ReturnType<typeof connectCoreapp>) =>
    new Promise<number | string>((resolve) => {
      let status = 0;
      coreapp.send(
        { method: 'GET', target: '/', fields: [], body: null },
        {
          mayWrite: () => true,
          onInformation() {},
          onHead(told) {
            status = told;
          },
          onData: () => true,
          onEnd: () => resolve(status),
          onFailure: ({ cause }) => resolve(cause),
        },
      );
    });
  const options = {
    connectTimeoutMs: 5_000,
    answerTimeoutMs: 5_000,
    tls: { ca: null, cert: null, key: null },
    connectionsMax: 1,
  };

  it('is kept for the next request while it is young', async () => {
    await using upstream = await startUpstream(say(answer(200)));
    const coreapp = connectCoreapp({ ...options, url: upstream.url, connectionMaxAgeMs: 3_600_000 });
    for (let i = 0; i < 5; i++) expect(await get(coreapp)).toBe(200);
    expect(upstream.arrivals.map(({ connection }) => connection)).toEqual([1, 1, 1, 1, 1]);
    await coreapp.close();
  });

  it('is closed once it is old, and the next one goes where the name leads by then', async () => {
    const seen: string[] = [];
    const servers = await Promise.all(
      ['127.0.0.1', '127.0.0.2'].map(async (address, i) => {
        const server = createServer((socket) => {
          socket.on('error', () => {});
          socket.on('data', () => {
            seen.push(address);
            socket.write(answer(200, { 'Keep-Alive': 'timeout=600' }));
          });
        });
        return { server, address, i };
      }),
    );
    const [first, second] = servers as [(typeof servers)[number], (typeof servers)[number]];
    const port = await listening(first.server, 0, first.address);
    await listening(second.server, port, second.address);
    let leadsTo = first.address;
    const ageMs = 100;
    const coreapp = connectCoreapp({
      ...options,
      url: `http://coreapp.test:${port}`,
      connectionMaxAgeMs: ageMs,
      lookup: (_name, { all }, tell) => {
        if (all === true) tell(null, [{ address: leadsTo, family: 4 }]);
        else tell(null, leadsTo, 4);
      },
    });
    expect(await get(coreapp)).toBe(200);
    const old = Date.now() + ageMs;
    leadsTo = second.address;
    await until(() => Date.now() > old + 1, { what: 'the connection to be old' });
    expect(await get(coreapp)).toBe(200);
    expect(seen.at(-1)).toBe(second.address);
    const open = (server: typeof first.server) =>
      new Promise((tell) => server.getConnections((_, count) => tell(count)));
    await until(async () => (await open(first.server)) === 0, { what: 'the old connection to be closed' });
    await coreapp.close();
    for (const { server } of servers) server.close();
  });
});
