/**
 * Callers who ask for more than there is, as a process of their own: `node test/support/crowd-process.ts ORDER`, see
 * crowd.ts. On raw sockets, many requests on each, one behind the other as HTTP/1.1 allows (pipelining): so that thousands
 * can wait for little of a machine whose counting must not be disturbed. When the time is over, whoever still waits hangs up.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { CrowdOrder, CrowdReport } from './crowd.ts';

const connections = 32;

/** The callers of one replica: their connections, and how often each status was answered. */
class Callers {
  readonly answered: Record<string, number> = {};
  readonly #request: string;
  readonly #sockets: readonly Socket[];
  #asked = 0;

  constructor(url: string, { path, token, body }: CrowdOrder) {
    const { port, host } = new URL(url);
    this.#request =
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
    this.#sockets = Array.from({ length: connections }, () => this.#connect(Number(port)));
  }

  async connected(): Promise<void> {
    await Promise.all(this.#sockets.map((socket) => once(socket, 'connect')));
  }

  ask(): void {
    this.#sockets[this.#asked++ % connections]?.write(this.#request, 'latin1');
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(port: number): Socket {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    let unread = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      unread += text;
      // No answer holds what looks like the beginning of another.
      for (const [, status] of unread.matchAll(statusLine)) this.#count(status as string);
      unread = unread.slice(Math.max(unread.lastIndexOf('\n') + 1, 0));
    });
    socket.on('error', (error) => this.#count(error.message));
    return socket;
  }

  #count(how: string): void {
    this.answered[how] = (this.answered[how] ?? 0) + 1;
  }
}

/** With the line's end, so that none is counted twice whose rest is still to come. */
const statusLine = /HTTP\/1\.1 (\d{3})[^\n]*\n/g;

const order = JSON.parse(process.argv[2] as string) as CrowdOrder;
const callers = order.urls.map((url) => new Callers(url, order));
await Promise.all(callers.map((one) => one.connected()));

const began = performance.now();
let asked = 0;
const answered = (): number =>
  callers.flatMap(({ answered }) => Object.values(answered)).reduce((sum, count) => sum + count, 0);
const goesOn = (elapsed: number): boolean => (order.ms === null ? answered() < order.atOnce : elapsed < order.ms);
for (let elapsed = 0; goesOn(elapsed); elapsed = performance.now() - began) {
  const due = order.atOnce + Math.floor((elapsed * order.ratePerS) / 1_000);
  for (; asked < due; asked++) callers[asked % callers.length]?.ask();
  await new Promise((resolve) => setTimeout(resolve, 2));
}
const report: CrowdReport = { asked, answered: callers.map(({ answered }) => ({ ...answered })) };
for (const one of callers) one.hangUp();
process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit());
