/** Callers that wait: each connection sends one request, and tells when its answer is there. */
import { connect, type Socket } from 'node:net';

/** What to do: told by the bench over IPC. */
export interface HoldersOrder {
  readonly port: number;
  readonly connections: number;
  /** From how many addresses of loopback they come; not there: 1. One address may not have all connections. */
  readonly addresses?: number;
  /** The whole request, head and body. */
  readonly request: string;
}

/** Every so often: how many have sent their request, and what they were answered. */
export interface HoldersReport {
  readonly sent: number;
  readonly answered: number;
  /** The first answer that is no 2xx, or what broke; null: none. */
  readonly failure: string | null;
}

/** So many connect at a time: the queue of a listening socket is short. */
const atOnce = 200;
const reportEveryMs = 50;

process.on('message', (order: HoldersOrder) => hold(order));
process.once('disconnect', () => process.exit());

function hold({ port, connections, request, addresses = 1 }: HoldersOrder): void {
  const report = { sent: 0, answered: 0, failure: null as string | null };
  let opened = 0;
  const open = (): void => {
    if (opened === connections) return;
    opened += 1;
    const localAddress = `127.0.0.${1 + (opened % addresses)}`;
    const socket: Socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true }, () => {
      socket.write(request, 'latin1', () => {
        report.sent += 1;
        open();
      });
    });
    socket.once('data', (chunk) => {
      report.answered += 1;
      const status = chunk.toString('latin1', 9, 12);
      if (!status.startsWith('2')) report.failure ??= chunk.toString('latin1');
      socket.end();
    });
    socket.on('error', (error) => {
      report.failure ??= error.message;
    });
  };
  for (let i = 0; i < atOnce; i++) open();
  setInterval(() => process.send?.(report), reportEveryMs);
}
