/**
 * The small caller: requests go out when they are due, whether the earlier ones are answered or not. A latency counts
 * from when the request was due to the end of its answer, or to the 101 of a handshake.
 */
import { Agent, request } from 'node:http';

export interface SmallRequest {
  readonly method: string;
  /** `{n}` becomes another number in each request, as in the fields. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Requests a second. */
  readonly rate: number;
  /** A connection for each request. */
  readonly fresh?: boolean;
}

/** What to do, told by the bench over IPC; `stop` ends it. */
interface SmallOrder extends SmallRequest {
  readonly port: number;
}

export interface SmallReport {
  readonly latenciesMs: readonly number[];
  /** How often each status came; in place of one, what broke. */
  readonly answers: Readonly<Record<string, number>>;
}

/** Longer than anything may be held. */
const answerMaxMs = 60_000;

let over: () => void = () => {};
process.on('message', (order: SmallOrder | 'stop') => {
  if (order === 'stop') over();
  else void run(order).then((report) => process.send?.(report));
});
process.once('disconnect', () => process.exit());

async function run(order: SmallOrder): Promise<SmallReport> {
  const agent =
    order.fresh === true ? new Agent({ keepAlive: false }) : new Agent({ keepAlive: true, maxSockets: 256 });
  const latenciesMs: number[] = [];
  const answers: Record<string, number> = {};
  const asked: Promise<void>[] = [];
  const startedAt = performance.now();
  const ask = async (dueAt: number, n: number): Promise<void> => {
    const answer = await answerTo(order, agent, n);
    latenciesMs.push(performance.now() - dueAt);
    answers[answer] = (answers[answer] ?? 0) + 1;
  };
  const { promise, resolve } = Promise.withResolvers<void>();
  const everyMs = 1_000 / order.rate;
  const timer = setInterval(
    () => {
      for (;;) {
        const dueAt = startedAt + asked.length * everyMs;
        if (dueAt > performance.now()) return;
        asked.push(ask(dueAt, asked.length));
      }
    },
    Math.min(everyMs / 4, 5),
  );
  over = () => {
    clearInterval(timer);
    resolve();
  };
  await promise;
  await Promise.all(asked);
  agent.destroy();
  return { latenciesMs, answers };
}

/** The status, or what broke. */
function answerTo({ port, method, path, headers, body }: SmallOrder, agent: Agent, n: number): Promise<string> {
  return new Promise((resolve) => {
    const filled = Object.entries(headers).map(([name, value]) => [name, value.replace('{n}', String(n))] as const);
    const sent = request(
      {
        port,
        host: '127.0.0.1',
        method,
        path: path.replace('{n}', String(n)),
        headers: Object.fromEntries(filled),
        agent,
      },
      (answer) => {
        answer.on('error', (error) => resolve(error.message));
        answer.on('end', () => resolve(String(answer.statusCode))).resume();
      },
    );
    sent.on('upgrade', (answer, socket) => {
      resolve(String(answer.statusCode));
      socket.destroy();
    });
    sent.on('error', (error) => resolve((error as NodeJS.ErrnoException).code ?? error.message));
    sent.setTimeout(answerMaxMs, () => sent.destroy(new Error('no answer')));
    sent.end(body);
  });
}
