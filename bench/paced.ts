/**
 * The load at a fixed rate: requests go out when they are due, whether the earlier ones are answered or not, each on an
 * idle connection or on another one. So a proxy that stands still for 100 ms is late with all that was due meanwhile,
 * not with one. On raw sockets: a client with more to do would measure itself.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises';
import { wholeAnswer } from './whole-answer.ts';

/** What to do, told by the bench over IPC; `stop` ends it. */
export interface PacedOrder {
  readonly port: number;
  /** The whole request, head and body. */
  readonly request: string;
  /** Requests a second. */
  readonly rate: number;
  /** Each goes out when it is due, at the price of a processor. Else those of a millisecond go out together. */
  readonly evenly?: boolean;
}

export interface PacedReport {
  /** From when each request was due to the end of its answer, milliseconds; in the order in which they were due. */
  readonly latenciesMs: readonly number[];
  /** How late each was sent, milliseconds: this process's own share of the above. */
  readonly latenessMs: readonly number[];
  /** Answered with anything but a 2xx, or not at all. */
  readonly failures: number;
  /** What the first failure was; null: there was none. */
  readonly firstFailure: string | null;
}

let over = false;
process.on('message', (order: PacedOrder | 'stop') => {
  over = order === 'stop';
  if (order !== 'stop') void run(order).then((report) => process.send?.(report));
});
process.once('disconnect', () => process.exit());

async function run({ port, request, rate, evenly = false }: PacedOrder): Promise<PacedReport> {
  const connections = new Connections(port);
  const latenciesMs: number[] = [];
  const latenessMs: number[] = [];
  const failures: string[] = [];
  const send = async (dueAt: number, i: number): Promise<void> => {
    latenessMs[i] = performance.now() - dueAt;
    const status = await connections.ask(request);
    latenciesMs[i] = performance.now() - dueAt;
    if (typeof status === 'string') failures.push(status);
    else if (status < 200 || status > 299) failures.push(`status ${status}`);
  };
  const answers: Promise<void>[] = [];
  const startedAt = performance.now();
  while (!over) {
    const dueAt = startedAt + (answers.length * 1_000) / rate;
    const earlyMs = dueAt - performance.now();
    if (earlyMs > 0 && evenly && earlyMs < 2) await turn();
    else if (earlyMs > 0) await pause(evenly ? Math.floor(earlyMs) - 1 : Math.ceil(earlyMs));
    else answers.push(send(dueAt, answers.length));
  }
  await Promise.all(answers);
  connections.close();
  return { latenciesMs, latenessMs, failures: failures.length, firstFailure: failures[0] ?? null };
}

class Connections {
  readonly #port: number;
  readonly #idle: Connection[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** The status of the answer, or why there is none. */
  async ask(request: string): Promise<number | string> {
    const connection = this.#idle.pop() ?? new Connection(this.#port);
    const status = await connection.ask(request);
    if (connection.stands) this.#idle.push(connection);
    return status;
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
  }
}

class Connection {
  readonly #socket: Socket;
  #text = '';
  #answered: ((status: number | string) => void) | null = null;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1');
    this.#socket.on('data', (chunk) => {
      this.#text += String(chunk);
      const status = wholeAnswer(this.#text);
      if (status === null) return;
      this.#text = '';
      this.#answered?.(status);
    });
    this.#socket.on('error', (error) => this.#answered?.(error.message));
    this.#socket.on('close', () => this.#answered?.('the connection was closed before its answer was complete'));
  }

  get stands(): boolean {
    return !this.#socket.destroyed;
  }

  ask(request: string): Promise<number | string> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(request, 'latin1');
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}
