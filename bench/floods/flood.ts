/** One greedy caller, or a stranger: many connections that do the same, from addresses of loopback of its own. */
import { connect, type Socket } from 'node:net';

interface Common {
  readonly port: number;
  readonly connections: number;
  /** The addresses that connections come from, in turn. */
  readonly from: readonly string[];
  /** Whole requests, head and body, which go out in turn; `{n}` becomes another number in each. */
  readonly requests: readonly string[];
}

/** What to do, told by the bench over IPC; `stop` ends it. */
export type FloodOrder = Common &
  (
    | { readonly does: 'repeat' } // Each sends another request as soon as its answer is there.
    | { readonly does: 'stay' } // Each sends one request and stays open; closed ones come again.
    | { readonly does: 'shut' } // The same, but each shuts its sending side behind its request.
    | { readonly does: 'abort'; readonly afterMs: number } // Each is reset so long after its request, and comes again.
    | { readonly does: 'read slowly'; readonly bytesPerS: number }
    | { readonly does: 'write slowly'; readonly bodyBytes: number; readonly bytesPerS: number }
  );

export interface FloodReport {
  /** How often each status came; `broken`: connections that ended without an answer. */
  readonly answers: Readonly<Record<string, number>>;
  /** Connections that were open at the end. */
  readonly open: number;
}

/** So many connect at a time: the queue of a listening socket is short. */
const connectAtOnce = 100;
/** Those that were closed come again after this time: a flood of connections, not of handshakes. */
const againMs = 500;
const tickMs = 100;

process.on('message', (order: FloodOrder | 'stop') => (order === 'stop' ? process.send?.(report()) : flood(order)));
process.once('disconnect', () => process.exit());

const answers: Record<string, number> = {};
const open = new Set<Socket>();
let sent = 0;

function report(): FloodReport {
  return { answers, open: open.size };
}

function flood(order: FloodOrder): void {
  let opened = 0;
  const next = (): void => {
    if (opened === order.connections) return;
    const from = order.from[opened++ % order.from.length] as string;
    one(order, from, next);
  };
  for (let i = 0; i < connectAtOnce; i++) next();
}

/** One connection, and the one that takes its place. */
function one(order: FloodOrder, localAddress: string, connected: () => void): void {
  const socket = connect({ port: order.port, host: '127.0.0.1', localAddress, noDelay: true });
  let waiting = false;
  let first = true;
  const send = (): void => {
    waiting = true;
    socket.write(nextRequest(order), 'latin1');
  };
  socket.on('connect', () => {
    open.add(socket);
    first = false;
    connected();
    send();
    if (order.does === 'write slowly') drip(socket, order.bodyBytes, order.bytesPerS);
    if (order.does === 'shut') socket.end();
    if (order.does === 'abort') setTimeout(() => socket.resetAndDestroy(), order.afterMs);
  });
  const answered = (status: string): void => {
    waiting = false;
    answers[status] = (answers[status] ?? 0) + 1;
    if (order.does === 'repeat' && status !== '101') send();
  };
  if (order.does === 'read slowly') readSlowly(socket, order.bytesPerS, answered);
  else socket.on('data', answerReader(answered));
  socket.on('error', () => {});
  socket.on('close', () => {
    open.delete(socket);
    if (waiting && order.does !== 'abort') answers.broken = (answers.broken ?? 0) + 1;
    if (first) connected();
    setTimeout(() => one(order, localAddress, () => {}), order.does === 'abort' ? 0 : againMs);
  });
}

function nextRequest({ requests }: FloodOrder): string {
  const request = requests[sent++ % requests.length] as string;
  return request.includes('{n}') ? request.replaceAll('{n}', String(sent)) : request;
}

function drip(socket: Socket, bodyBytes: number, bytesPerS: number): void {
  const part = Buffer.alloc(Math.ceil((bytesPerS * tickMs) / 1_000), 'x');
  let left = bodyBytes;
  const timer = setInterval(() => {
    left -= part.length;
    if (left > 0) socket.write(part);
  }, tickMs);
  socket.on('close', () => clearInterval(timer));
}

function readSlowly(socket: Socket, bytesPerS: number, answered: (status: string) => void): void {
  const bytes = Math.ceil((bytesPerS * tickMs) / 1_000);
  let told = false;
  const timer = setInterval(() => {
    const chunk = (socket.read(bytes) ?? socket.read()) as Buffer | null;
    if (chunk === null || told) return;
    told = true;
    answered(chunk.toString('latin1', 9, 12));
  }, tickMs);
  socket.on('end', () => socket.destroy());
  socket.on('close', () => clearInterval(timer));
}

/** Tells of each whole answer; of answers that say their length, or are a 101. */
function answerReader(answered: (status: string) => void): (chunk: Buffer) => void {
  let held: Buffer = Buffer.alloc(0);
  let skip = 0;
  return (chunk) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      if (skip > held.length) {
        skip -= held.length;
        held = Buffer.alloc(0);
        return;
      }
      held = held.subarray(skip);
      skip = 0;
      const end = held.indexOf('\r\n\r\n');
      if (end === -1) return;
      const head = held.toString('latin1', 0, end);
      skip = end + 4 + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
      answered(head.slice(9, 12));
    }
  };
}
