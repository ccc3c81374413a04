/**
 * The load: each connection sends the same request again as soon as its answer is there. On raw sockets, so that it
 * takes as little as possible of a machine that it shares with what it measures (autocannon costs about as much CPU a
 * request as the proxies do).
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { wholeAnswer } from './whole-answer.ts';

/** What to do: told by the bench over IPC. */
export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly ms: number;
  /** The whole request, head and body; `{n}` becomes another number in each, `{nnnnnn}` the same with six digits. */
  readonly request: string;
  /** How many numbers there are; not there: 1. */
  readonly numbers?: number;
  /** Over TLS, whatever the certificate. */
  readonly tls?: boolean;
  /** Each request on a connection of its own. */
  readonly anew?: boolean;
}

export interface LoadReport {
  /** Answered with a 2xx. */
  readonly requests: number;
  /** Answered otherwise, or a connection that broke. */
  readonly failures: number;
  /** What the first failure was; null: there was none. */
  readonly firstFailure: string | null;
  readonly ms: number;
}

/** Said by the load once all connections are open, and by the bench when the requests are to begin. */
export type LoadStep = 'open' | 'begin';
const open: LoadStep = 'open';

process.on('message', (order: LoadOrder | LoadStep) => {
  if (typeof order === 'object') void run(order).then((report) => process.send?.(report));
});
process.once('disconnect', () => process.exit());

/** How many are opened at a time: more would be a flood of their own. */
const openingMax = 100;

async function run(order: LoadOrder): Promise<LoadReport> {
  const sockets: Socket[] = [];
  while (sockets.length < order.connections) {
    const wave = Math.min(openingMax, order.connections - sockets.length);
    sockets.push(...(await Promise.all(Array.from({ length: wave }, () => opened(order)))));
  }
  process.send?.(open);
  await once(process, 'message');
  const startedAt = performance.now();
  const tally = { requests: 0, failures: 0, firstFailure: null as string | null };
  const failed = (what: string): void => {
    tally.failures += 1;
    tally.firstFailure ??= what;
  };
  let over = false;
  setTimeout(() => {
    over = true;
  }, order.ms);
  const listener: Listener = {
    answered(status) {
      if (status >= 200 && status <= 299) tally.requests += 1;
      else failed(`status ${status}`);
      return !over;
    },
    broken: failed,
  };
  await Promise.all(sockets.map((socket) => one(order, listener, socket)));
  return { ...tally, ms: performance.now() - startedAt };
}

interface Listener {
  /** True: send another. */
  answered(status: number): boolean;
  broken(what: string): void;
}

async function opened({ port, tls = false }: LoadOrder): Promise<Socket> {
  const to = { port, host: '127.0.0.1', noDelay: true };
  const socket = tls ? connectTls({ ...to, rejectUnauthorized: false }) : connect(to);
  await once(socket, tls ? 'secureConnect' : 'connect');
  return socket;
}

/** One connection, and the next where each request has one of its own; resolves after the last answer. */
function one(order: LoadOrder, listener: Listener, socket: Socket): Promise<void> {
  const { anew = false } = order;
  return new Promise((resolve) => {
    const begin = (): boolean => socket.write(nextRequest(order), 'latin1');
    const lost = (error: Error): void => {
      listener.broken(error.message);
      resolve();
    };
    let text = '';
    let complete = false;
    socket.setEncoding('latin1');
    socket.on('data', (chunk) => {
      text = text === '' ? String(chunk) : text + String(chunk);
      const status = wholeAnswer(text);
      if (status === null) return;
      text = '';
      const more = listener.answered(status);
      complete = !more || anew;
      if (!complete) return void begin();
      socket.end();
      if (more) opened(order).then((next) => one(order, listener, next).then(resolve), lost);
      else resolve();
    });
    socket.on('error', (error) => listener.broken(error.message));
    socket.on('close', () => {
      if (complete) return;
      listener.broken('the connection was closed before its answer was complete');
      resolve();
    });
    begin();
  });
}

let asked = 0;

function nextRequest({ request, numbers }: LoadOrder): string {
  if (numbers === undefined) return request;
  const number = String(asked++ % numbers);
  return request.replaceAll('{nnnnnn}', number.padStart(6, '0')).replaceAll('{n}', number);
}
