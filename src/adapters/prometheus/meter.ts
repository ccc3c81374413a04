import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Page } from '../../exchange/outcome.ts';
import type { Snapshot } from '../../observe/snapshot.ts';
import { Exposition, type ExpositionOptions, type Scrape } from './exposition.ts';
import { Tally } from './tally.ts';
import { dataOf, type TallyData } from './tally-data.ts';
import { familiesOf, type NodeMetrics } from './text.ts';

interface MeterOptions extends ExpositionOptions {
  /** The classes whose requests go to the upstream. */
  readonly classes: readonly string[];
  /** What Weir answers itself. */
  readonly ownClasses: readonly string[];
  /** The longest that a request of any class may be held. Default: 0, the usual bounds will do. */
  readonly holdMaxMs?: number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly wallMs?: () => number;
  /** Read once for each scrape; what it shows becomes the gauges. */
  readonly snapshot: () => Snapshot;
}

/** What a process has counted, as plain data for another one. */
export interface Counted {
  readonly tally: TallyData;
  /** What Node and the system say of the process. */
  readonly ofNode: NodeMetrics;
}

export function nodeDefaults(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

export class PrometheusMeter extends Tally {
  readonly #nodeDefaults = nodeDefaults();
  readonly #exposition: Exposition;

  constructor(options: MeterOptions) {
    const { classes, ownClasses, holdMaxMs = 0, wallMs = Date.now } = options;
    super([...classes, ...ownClasses], holdMaxMs, wallMs);
    this.#exposition = new Exposition(options, async () => ({
      tally: this,
      snapshot: options.snapshot(),
      ofNode: async () => familiesOf(await this.#nodeDefaults.getMetricsAsJSON()),
    }));
  }

  /** Everything, for a scraper: `accept` is its `Accept` field. */
  scrape(accept: string | undefined): Promise<Scrape> {
    return this.#exposition.scrape(accept);
  }

  /** As the profile shows them to its callers: its own and Weir's, without Node's. */
  figures(format: 'json' | 'prometheus'): Promise<Page> {
    return this.#exposition.figures(format);
  }

  /** Its counts of requests, for the process that adds up those of several. */
  tallied(): TallyData {
    return dataOf(this);
  }

  /** The same with Node's, which is nearly all that it costs. */
  async counted(): Promise<Counted> {
    const ofNode = await this.#nodeDefaults.getMetricsAsJSON();
    // Not before: a tally that is told meanwhile must not be newer.
    return { tally: this.tallied(), ofNode };
  }
}
