/**
 * Those who look at the page: once a second each gets what there is to see, as a server-sent event (HTML, 9.2). It is made
 * once for all who see the same; a newcomer gets the latest one. While nobody looks, nothing is made or kept and no timer runs.
 */
import type { ServerResponse } from 'node:http';
import { type OpsPage, problem, rounded } from './page.ts';
import type { OpsSources } from './ports.ts';
import type { PageQuery } from './query.ts';
import { statusOf, type Viewer, wholeView } from './status.ts';

/** More do not look at a time: probes and scrapers need connections, too. */
export const viewersMax = 32;
const everyMs = 1_000;

/** Who looks, and at what. */
type PageViewer = Viewer & PageQuery;

const tooMany = problem(503, 'Too many look', `At most ${viewersMax} pages are served at a time.`, {
  'retry-after': '5',
});

export class Viewers {
  readonly #sources: OpsSources;
  readonly #viewers = new Map<ServerResponse, PageViewer>();
  #timer: NodeJS.Timeout | null = null;
  /** What was made since the last tick, by who sees it, and what. */
  readonly #latest = new Map<string, Promise<string>>();
  /** How many of these are on their way. */
  #making = 0;

  constructor(sources: OpsSources) {
    this.#sources = sources;
  }

  get count(): number {
    return this.#viewers.size;
  }

  /** Null: it is served from now on, until it goes. */
  add(response: ServerResponse, viewer: PageViewer): OpsPage | null {
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
    this.#timer ??= setInterval(() => this.#tick(), everyMs);
    void this.#show(response, viewer);
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
    this.#latest.clear();
  }

  #tick(): void {
    // If one takes longer than a second to make, those who wait get that one.
    if (this.#making > 0) return;
    this.#latest.clear();
    for (const [response, viewer] of this.#viewers) void this.#show(response, viewer);
  }

  async #show(response: ServerResponse, viewer: PageViewer): Promise<void> {
    // A viewer that has not taken the last one gets none: the next is newer.
    if (response.writableLength > 0) return;
    try {
      const event = await (this.#latest.get(kindOf(viewer)) ?? this.#make(viewer));
      if (this.#viewers.has(response)) response.write(event);
    } catch {
      // The status failed; the next one may not.
    }
  }

  #make(viewer: PageViewer): Promise<string> {
    this.#making += 1;
    const event = this.#eventFor(viewer).finally(() => {
      this.#making -= 1;
    });
    this.#latest.set(kindOf(viewer), event);
    return event;
  }

  async #eventFor(viewer: PageViewer): Promise<string> {
    return `data: ${JSON.stringify(await statusOf(this.#sources, wholeView({ fleet: viewer.fleet, idle: viewer.idle }), viewer), rounded)}\n\n`;
  }
}

const kindOf = ({ isOperator, fleet, idle }: PageViewer): string => `${isOperator} ${fleet} ${idle}`;
