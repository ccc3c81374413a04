/** A TCP proxy with the troubles of networks: it goes deaf, is far away, loses packets, or swallows all of them. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { listening } from './ports.ts';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /**
   * From now on nothing that the server says reaches those who have sent `text`; later connections are not touched, unless `lasting`.
   * Returns how many there are.
   */
  silence(text: string, options?: { readonly lasting?: boolean }): number;
  /**
   * From now on nothing passes, without a word, and nobody gets through who connects. Call what it returns to end it: those
   * who were connected meanwhile stay deaf for ever, as TCP's own pauses have grown by then.
   */
  swallow(): () => void;
}

export interface Link {
  /** How long what is sent is under way, each way, milliseconds. */
  readonly oneWayMs?: number;
  /**
   * Of so many chunks one is lost: it arrives when it has been sent again, and all behind it have to wait for it, as TCP
   * has it.
   */
  readonly lostOneOf?: number;
}

/** As Linux has it at the least. */
const resendMs = 200;

interface Line {
  readonly client: Socket;
  readonly server: Socket;
  sent: string;
  silent: boolean;
  swallowed: boolean;
}

/** How much of what a client sends is looked at, characters. */
const looked = 4_096;

/** @param port the server's, on loopback */
export async function startTcpProxy(port: number, link: Link = {}): Promise<TcpProxy> {
  const lines = new Set<Line>();
  const texts: string[] = [];
  let swallowing = false;
  const listener = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    for (const socket of [client, server]) socket.setNoDelay(true);
    const line: Line = { client, server, sent: '', silent: false, swallowed: swallowing };
    lines.add(line);
    const [there, back] = [wayOf(link, server), wayOf(link, client)];
    client.on('data', (chunk: Buffer) => {
      if (line.sent.length < looked) line.sent += chunk.toString('latin1');
      line.silent ||= texts.some((text) => line.sent.includes(text));
      if (!line.swallowed) there(chunk);
    });
    server.on('data', (chunk: Buffer) => {
      if (!line.silent && !line.swallowed) back(chunk);
    });
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => one.destroy());
      one.on('close', () => {
        lines.delete(line);
        other.destroy();
      });
    }
  });
  return {
    port: await listening(listener),
    silence(text, { lasting = false } = {}) {
      if (lasting) texts.push(text);
      const found = [...lines].filter((line) => line.sent.includes(text));
      for (const line of found) line.silent = true;
      return found.length;
    },
    swallow() {
      swallowing = true;
      for (const line of lines) line.swallowed = true;
      return () => {
        swallowing = false;
      };
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server } of lines) {
        client.destroy();
        server.destroy();
      }
      listener.close();
      await once(listener, 'close');
    },
  };
}

/** Chunks to `socket`, in their order, each after its time. */
function wayOf({ oneWayMs = 0, lostOneOf = Number.POSITIVE_INFINITY }: Link, socket: Socket): (chunk: Buffer) => void {
  if (oneWayMs === 0 && lostOneOf === Number.POSITIVE_INFINITY) return (chunk) => void socket.write(chunk);
  const underWay: { readonly due: number; readonly chunk: Buffer }[] = [];
  let count = 0;
  const deliver = (): void => {
    for (let next = underWay[0]; next !== undefined && next.due <= performance.now(); next = underWay[0]) {
      socket.write(next.chunk);
      underWay.shift();
    }
    // One timer: several would go off in another order now and then.
    if (underWay[0] !== undefined) setTimeout(deliver, Math.max(1, underWay[0].due - performance.now()));
  };
  return (chunk) => {
    const lostMs = ++count % lostOneOf === 0 ? resendMs : 0;
    const due = Math.max(underWay.at(-1)?.due ?? 0, performance.now() + oneWayMs + lostMs);
    underWay.push({ due, chunk });
    if (underWay.length === 1) setTimeout(deliver, oneWayMs + lostMs);
  };
}
