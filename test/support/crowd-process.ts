/**
 * Callers who ask for more than there is, as a process of their own: `node test/support/crowd-process.ts ORDER`, see
 * crowd.ts. On raw sockets, so that thousands can wait for little of a machine whose counting must not be disturbed: each
 * waits on a connection of its own, which is used again once it has its answer. When the time is over, whoever still waits
 * hangs up.
 */
import { connect, type Socket } from 'node:net';
import type { CrowdOrder, CrowdReport } from './crowd.ts';

/** The callers of one replica: their connections, and how often each status was answered. */
class Callers {
  readonly answered: Record<string, number> = {};
  readonly #request: string;
  readonly #port: number;
  readonly #sockets = new Set<Socket>();
  /** On which nobody waits. */
  readonly #free: Socket[] = [];

  constructor(url: string, { path, token, body }: CrowdOrder) {
    const { port, host } = new URL(url);
    this.#port = Number(port);
    this.#request =
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  }

  ask(): void {
    const socket = this.#free.pop() ?? this.#connect();
    socket.write(this.#request, 'latin1');
  }

  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #connect(): Socket {
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true });
    this.#sockets.add(socket);
    let unread = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      unread += text;
      const [, status] = wholeAnswer.exec(unread) ?? [];
      if (status === undefined || !isWhole(unread)) return;
      const ends = /^connection: close\r$/im.test(unread);
      unread = '';
      this.#count(status);
      if (ends) socket.destroy();
      else this.#free.push(socket);
    });
    socket.on('error', (error) => this.#count(error.message));
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const at = this.#free.indexOf(socket);
      if (at !== -1) this.#free.splice(at, 1);
    });
    return socket;
  }

  #count(how: string): void {
    this.answered[how] = (this.answered[how] ?? 0) + 1;
  }
}

const wholeAnswer = /^HTTP\/1\.1 (\d{3}) [\s\S]*\r\n\r\n/;

function isWhole(answer: string): boolean {
  const [, length] = /^content-length: (\d+)\r$/im.exec(answer) ?? [];
  if (length === undefined) return answer.endsWith('\r\n0\r\n\r\n');
  return answer.length >= answer.indexOf('\r\n\r\n') + 4 + Number(length);
}

const order = JSON.parse(process.argv[2] as string) as CrowdOrder;
const callers = order.urls.map((url) => new Callers(url, order));

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
