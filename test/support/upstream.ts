/** A Coreapp of the test's own, made of bytes: it keeps what arrived as it stood on the wire, and answers by script. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { fieldLines, type Pairs, valuesOf } from './raw.ts';
import { within } from './until.ts';

export interface Arrival {
  readonly method: string;
  readonly target: string;
  readonly fields: Pairs;
  readonly body: Buffer;
  /** 1 for the first connection, and so on. */
  readonly connection: number;
  /** The first value of a field; undefined: there is none. */
  field(name: string): string | undefined;
  all(name: string): string[];
}

/** What to do with a request, told the connection it came on. */
export type Script = (arrival: Arrival, socket: Socket) => void;

export interface Upstream extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Whole requests, in the order of their coming. */
  readonly arrivals: readonly Arrival[];
  /** Connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** Replaces the script; forgets what has arrived. */
  play(script: Script): void;
  /** Does something with every new connection before a byte is read. */
  onConnection(greet: ((socket: Socket) => void) | null): void;
  stop(): Promise<void>;
}

/** A whole answer as bytes. */
export function answer(status: number, fields: Readonly<Record<string, string>> = {}, body = ''): string {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = status === 204 || status === 304 ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return `HTTP/1.1 ${status} Any\r\n${lines.join('')}${length}\r\n${body}`;
}

/** The script that always gives this answer. */
export const say =
  (bytes: string): Script =>
  (_, socket) =>
    void socket.write(bytes, 'latin1');

/** The script that says this, whole or not, and ends the connection. */
export const sayAndEnd =
  (bytes = ''): Script =>
  (_, socket) =>
    void socket.end(bytes, 'latin1');

/** The script that plays one script a request, and the last one from then on. */
export function inTurn(...scripts: readonly Script[]): Script {
  let turn = 0;
  return (arrival, socket) => scripts[Math.min(turn++, scripts.length - 1)]?.(arrival, socket);
}

/** The script that answers no request, and breaks the connection as soon as one is there. */
export const breakOff: Script = (_, socket) => void socket.resetAndDestroy();

export const sayNothing: Script = () => {};

/** @param port another than 0: takes this port, as a Coreapp does that comes back */
export async function startUpstream(script: Script = say(answer(200, {}, 'ok')), port = 0): Promise<Upstream> {
  let played = script;
  let greet: ((socket: Socket) => void) | null = null;
  const arrivals: Arrival[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = ++connections;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    greet?.(socket);
    let received = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      for (let read = requestIn(received, connection); read !== null; read = requestIn(received, connection)) {
        received = received.subarray(read.bytes);
        arrivals.push(read.arrival);
        played(read.arrival, socket);
      }
    });
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await within(closed, { what: 'the upstream to close' });
  };
  return {
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    arrivals,
    sockets,
    play(next) {
      played = next;
      arrivals.length = 0;
    },
    onConnection(next) {
      greet = next;
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The request at the beginning of the bytes; null: it is not whole yet. Weir knows every body's length, so it says it. */
function requestIn(bytes: Buffer, connection: number): { readonly arrival: Arrival; readonly bytes: number } | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [method = '', target = '', version] = first.split(' ');
  const fields = fieldLines(lines);
  const all = (name: string): string[] => valuesOf(fields, name);
  if (version !== 'HTTP/1.1' || all('transfer-encoding').length > 0 || all('content-length').length > 1) {
    throw new Error(`Weir sent what it never should: ${first}\n${lines.join('\n')}`);
  }
  const length = Number(all('content-length')[0] ?? 0);
  if (bytes.length < end + 4 + length) return null;
  const body = Buffer.from(bytes.subarray(end + 4, end + 4 + length));
  const arrival = { method, target, fields, body, connection, all, field: (name: string) => all(name)[0] };
  return { arrival, bytes: end + 4 + length };
}
