/** One stretch of load on one proxy, and what it cost that proxy. */
import { type Child, messageOf, startChild } from './child.ts';
import type { Contestant } from './contestants.ts';
import { cpuMs } from './cpu.ts';
import type { LoadOrder, LoadReport, LoadStep } from './load.ts';

export const connections = 64;

const warmUpRequests = 80_000;
const warmUpStepMs = 500;
const warmUpMaxMs = 10_000;

/** A text message as clients of the API send it: 150 bytes. */
const message = '{"to":"16315551000","type":"text","recipient_type":"individual","text":{"body":"';
export const body = `${message}${'Your code is 123456. '.repeat(4).slice(0, 147 - message.length)}"}}`;

export interface Measured {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** CPU of the proxy's process, all its threads, microseconds. */
  readonly cpuUs: number;
}

/** What is another load than 64 connections that each send the message. */
type How = Partial<Omit<LoadOrder, 'port' | 'ms'>>;

export class Load implements AsyncDisposable {
  readonly #child: Child = startChild('bench/load.ts');

  /** Rejects when any answer was not a 2xx: a proxy that fails fast would win. */
  async on({ name, port, token, child }: Contestant, ms: number, how: How = {}): Promise<Measured> {
    const order: LoadOrder = { port, connections, ms, request: requestTo(port, token), ...how };
    this.#child.process.send(order);
    await messageOf<LoadStep>(this.#child, `the connections to ${name}`, 10_000 + 10 * order.connections);
    const before = cpuMs(child.pid);
    this.#child.process.send('begin' satisfies LoadStep);
    const report = await messageOf<LoadReport>(this.#child, `the load on ${name} to end`, ms + 15_000);
    const cpuSpentMs = cpuMs(child.pid) - before;
    if (report.failures > 0 || report.requests === 0) {
      throw new Error(
        `${name}: ${report.failures} requests failed (first: ${report.firstFailure}), ${report.requests} did not`,
      );
    }
    return {
      requests: report.requests,
      requestsPerSecond: (report.requests / report.ms) * 1_000,
      cpuUs: (cpuSpentMs * 1_000) / report.requests,
    };
  }

  /**
   * Until the compiler has done its work: its threads' time is the process's own, and Weir has more code to compile. By
   * requests, since on a busy machine time alone would not do; bounded all the same.
   */
  async warmUp(contestant: Contestant, how: How = {}): Promise<void> {
    let requests = 0;
    for (let ms = 0; requests < warmUpRequests && ms < warmUpMaxMs; ms += warmUpStepMs) {
      const { requestsPerSecond } = await this.on(contestant, warmUpStepMs, how);
      requests += (requestsPerSecond * warmUpStepMs) / 1_000;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** As most HTTP clients write it. */
export function requestTo(port: number, token: string, text = body, fields = ''): string {
  return (
    `POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: */*\r\nUser-Agent: weir-bench\r\n` +
    `Authorization: Bearer ${token}\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n${fields}\r\n${text}`
  );
}
