/** Whatever the Coreapp writes, in whatever pieces, and whenever the call is given up: the order of what is told. */
import type { Socket } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answer, say, startUpstream, type Upstream } from '../support/upstream.ts';
import { type Client, connectClient } from '../support/wire-client.ts';

let upstream: Upstream;
let client: Client;
beforeAll(async () => {
  upstream = await startUpstream();
  client = connectClient({ url: upstream.url, connectionsMax: 4 });
});
afterAll(async () => {
  await client.close();
  await upstream.stop();
});

const parts = ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 103 X\r\nLink: </a>\r\n\r\n', answer(200, {}, 'whole')];
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n2\r\nle\r\n0\r\nX-Late: 1\r\n\r\n';
const wild = [
  'HTTP/1.1 101 X\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\nwhole',
  'x',
  '\r\n',
  'HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nwho',
];
const bytes = fc.array(fc.constantFrom(...parts, chunked, ...wild), { maxLength: 4 }).map((some) => some.join(''));
const pieces = fc.tuple(bytes, fc.array(fc.nat(200), { maxLength: 6 })).map(([text, cuts]) => {
  const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
  return places.slice(1).map((place, i) => text.slice(places[i], place));
});
const ends: Readonly<Record<string, (socket: Socket) => void>> = {
  end: (socket) => socket.end(),
  reset: (socket) => socket.resetAndDestroy(),
};

test('an exchange is told of in order, and ends once', async () => {
  await fc.assert(
    fc.asyncProperty(
      pieces,
      fc.constantFrom('end', 'reset'),
      fc.constantFrom('GET', 'HEAD', 'POST'),
      fc.record({ at: fc.nat(8), gives: fc.constantFrom('takes', 'waits', 'is given up') }),
      async (written, end, method, { at, gives }) => {
        upstream.play((_, socket) => {
          const left = [...written];
          const next = (): void => {
            const piece = left.shift();
            if (piece === undefined) ends[end]?.(socket);
            else socket.write(piece, () => setImmediate(next));
          };
          next();
        });
        const body = method === 'POST' ? Buffer.from('body') : null;
        const turn = (): void => {
          if (gives === 'is given up' && exchange.told.length >= at) exchange.call.abort();
        };
        const exchange = client.send(
          { method, body },
          {
            onInformation: turn,
            onHead: turn,
            onData() {
              turn();
              if (gives !== 'waits') return true;
              setImmediate(() => exchange.call.resume());
              return false;
            },
          },
        );
        await exchange.ended();
        for (let i = 0; i < 3; i++) await new Promise(setImmediate);
        const told = exchange.told.map((word) => word.replace(/ .*/, '')).join(' ');
        expect(told).toMatch(/^may( 1(?!00|01)\d\d)*( head( data)*)? (end|broken|aborted)$/);
        if (!told.endsWith('end')) return;
        expect(told).toMatch(/ head/);
        const whole = exchange.body();
        if (method !== 'HEAD') expect(written.join('')).toContain(whole === 'whole' ? 'who' : whole);
      },
    ),
    { numRuns: 400 },
  );
  // Nothing of it has hurt the client.
  upstream.play(say(answer(200, {}, 'ok')));
  for (let i = 0; i < 4; i++) expect(await client.ask()).toEqual([200, 'ok']);
});

test('however a whole answer is cut, it is the same', async () => {
  const heads = fc.array(fc.constantFrom(...parts.slice(0, 2)), { maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(
      heads,
      fc.constantFrom(parts[2] as string, chunked),
      fc.array(fc.nat(300)),
      async (before, last, cuts) => {
        const text = before.join('') + last;
        const places = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
        upstream.play((_, socket) => {
          let i = 0;
          const next = (): void => {
            i += 1;
            if (i < places.length) socket.write(text.slice(places[i - 1], places[i]), () => setImmediate(next));
          };
          next();
        });
        const exchange = client.send();
        expect(await exchange.failed()).toBe(null);
        expect([exchange.body(), exchange.trailers.length]).toEqual(['whole', last === chunked ? 2 : 0]);
        expect(exchange.informations).toHaveLength(before.filter((head) => head === parts[1]).length);
      },
    ),
    { numRuns: 200 },
  );
});
