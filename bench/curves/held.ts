/** Requests that Weir holds beside those that are measured. */
import { until } from '../../test/support/until.ts';
import { startChild } from '../child.ts';
import type { Weir } from '../contestants.ts';
import type { HoldersOrder, HoldersReport } from '../holders.ts';
import { requestTo } from '../measure.ts';

/** Behind the limits of messages: those of the class in which they wait. Within the hold time 24,000 find a turn. */
export const heldLimits =
  '\n  contacts: { rate: 40, burst: 1, holdMaxMs: 600000, lineMaxRequests: 100000, callerShareMax: 1 }';

const addresses = 40;

interface Status {
  readonly lines: readonly { readonly requests: number }[];
}

export class Held implements AsyncDisposable {
  readonly #weir: Weir;
  readonly #holders = new AsyncDisposableStack();
  readonly #reports: HoldersReport[] = [];
  #asked = 0;

  constructor(weir: Weir) {
    this.#weir = weir;
  }

  /** Until so many have asked, and each of them stands in line or has its answer by now. */
  async until(asked: number): Promise<void> {
    const { port, token } = this.#weir;
    if (asked === this.#asked) return;
    const request = requestTo(port, token).replace('/v1/messages', '/v1/contacts');
    const order: HoldersOrder = { port, connections: asked - this.#asked, addresses, request };
    // A process for each step: its reports count its own.
    const holders = this.#holders.use(startChild('bench/holders.ts'));
    const place = this.#reports.length;
    this.#reports.push({ sent: 0, answered: 0, failure: null });
    holders.process.on('message', (report: HoldersReport) => {
      this.#reports[place] = report;
    });
    holders.process.send(order);
    this.#asked = asked;
    await until(async () => (await this.#inLine()) + this.#answered() >= asked || null, {
      what: `${asked} requests in line or answered`,
      deadlineMs: 120_000,
    });
    const failure = this.#reports.find((report) => report.failure !== null)?.failure;
    if (failure !== undefined) throw new Error(`a request that was to wait failed: ${failure}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holders.disposeAsync();
  }

  #answered(): number {
    return this.#reports.reduce((sum, { answered }) => sum + answered, 0);
  }

  async #inLine(): Promise<number> {
    const status = (await (await fetch(`http://127.0.0.1:${this.#weir.opsPort}/status`)).json()) as Status;
    return status.lines.reduce((sum, { requests }) => sum + requests, 0);
  }
}
