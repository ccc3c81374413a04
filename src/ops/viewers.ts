/**
 * Those who look at the page: once a second each gets what there is to see, as a server-sent event (HTML, 9.2). It is made
 * once for all who see the same. While nobody looks, nothing is made and no timer runs.
 */
import type { ServerResponse } from 'node:http';
import { type OpsPage, problem, rounded } from './page.ts';
import type { OpsSources } from './ports.ts';
import { statusOf, type Viewer, wholeView } from './status.ts';

/** More do not look at a time: probes and scrapers need connections, too. */
export const viewersMax = 32;
const everyMs = 1_000;

const tooMany = problem(503, 'Too many look', `At most ${viewersMax} pages are served at a time.`, {
  'retry-after': '5',
});

export class Viewers {
  readonly #sources: OpsSources;
  readonly #viewers = new Map<ServerResponse, Viewer>();
  #timer: NodeJS.Timeout | null = null;
  #making = false;

  constructor(sources: OpsSources) {
    this.#sources = sources;
  }

  get count(): number {
    return this.#viewers.size;
  }

  /** Null: it is served from now on, until it goes. */
  add(response: ServerResponse, viewer: Viewer): OpsPage | null {
    if (this.#viewers.size >= viewersMax) return tooMany;
    this.#viewers.set(response, viewer);
    response.once('close', () => this.#remove(response));
    response.writeHead(200, {
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      // A proxy in between is not to collect it first.
      'x-accel-buffering': 'no',
    });
    this.#timer ??= setInterval(() => void this.#tick(), everyMs);
    void this.#tick();
    return null;
  }

  close(): void {
    for (const response of this.#viewers.keys()) response.end();
  }

  #remove(response: ServerResponse): void {
    this.#viewers.delete(response);
    if (this.#viewers.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }

  async #tick(): Promise<void> {
    if (this.#making) return;
    this.#making = true;
    try {
      const made = new Map<boolean, string>();
      for (const [response, viewer] of this.#viewers) {
        // Whoever has not taken the last one gets none: the next is newer.
        if (response.writableLength > 0) continue;
        const known = made.get(viewer.isOperator);
        const event = known ?? (await this.#eventFor(viewer));
        made.set(viewer.isOperator, event);
        response.write(event);
      }
    } catch {
      // The status failed; the next one may not.
    } finally {
      this.#making = false;
    }
  }

  async #eventFor(viewer: Viewer): Promise<string> {
    return `data: ${JSON.stringify(await statusOf(this.#sources, wholeView, viewer), rounded)}\n\n`;
  }
}
