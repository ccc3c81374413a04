/** A Coreapp that does what the path of a request says. */
import type { Socket } from 'node:net';
import { brokenAnswers, oddAnswers } from '../odd-answers.ts';
import { answer, type Script, say, sayNothing, startUpstream, type Upstream } from '../upstream.ts';

export const oddScripts: readonly Script[] = [...Object.values(brokenAnswers), ...Object.values(oddAnswers)];

/** More than the buffers on its way take, of Weir's and of the kernel's. */
const flood = Buffer.alloc(8_388_608, 'x');

/** A byte now and then, which shows that the caller has gone if it has. */
function trickle(socket: Socket): void {
  const timer = setInterval(() => socket.write('x'), 20);
  socket.on('close', () => clearInterval(timer));
}

const scripts: Readonly<Record<string, Script>> = {
  '/v1/ok': say(answer(200, {}, 'ok')),
  '/v1/hang': sayNothing,
  '/v1/part': (_, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\nhalf');
    trickle(socket);
  },
  '/v1/interim': say('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'),
  '/v1/long': (_, socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n');
    socket.write(flood);
  },
  '/v1/tunnel': (_, socket) => {
    socket.removeAllListeners('data');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello');
    socket.pipe(socket);
  },
  '/v1/flood': (_, socket) => {
    socket.removeAllListeners('data');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.write(flood);
  },
  // A class of its own, where everything waits.
  '/v1/contacts': say(answer(503, {}, 'busy')),
};

interface AnyCoreapp extends AsyncDisposable {
  readonly upstream: Upstream;
  /** The ids of the requests that have come. */
  readonly seen: ReadonlySet<string>;
}

export async function startAnyCoreapp(): Promise<AnyCoreapp> {
  const seen = new Set<string>();
  const upstream = await startUpstream((arrival, socket) => {
    seen.add(arrival.field('x-request-id') ?? '');
    const odd = /^\/v1\/odd\/(\d+)$/.exec(arrival.target)?.[1];
    const script = odd === undefined ? scripts[arrival.target] : oddScripts[Number(odd)];
    if (script === undefined) throw new Error(`No script for ${arrival.target}.`);
    script(arrival, socket);
  });
  return { upstream, seen, [Symbol.asyncDispose]: () => upstream.stop() };
}
