import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Page } from '../../exchange/outcome.ts';
import type { Meter } from '../../observe/ports.ts';
import type { Totals } from '../../observe/recent.ts';
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

export interface PrometheusMeter extends Meter {
  /** Everything, for a scraper: `accept` is its `Accept` field. */
  scrape(accept: string | undefined): Promise<Scrape>;
  /** There are further classes, or a request may be held longer. */
  know(classes: readonly string[], holdMaxMs: number): void;
  /** What has happened since the start, by class. */
  totals(): ReadonlyMap<string, Totals>;
  /** As the profile shows them to its callers: its own and Weir's, without Node's. */
  figures(format: 'json' | 'prometheus'): Promise<Page>;
  /** Everything, for a process that adds up what several have counted. */
  counted(): Promise<Counted>;
  /** The same without Node's, which nearly all of that costs. */
  tallied(): TallyData;
}

export function createMeter(options: MeterOptions): PrometheusMeter {
  return new RegistryMeter(options, nodeDefaults());
}

export function nodeDefaults(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}

class RegistryMeter extends Tally implements PrometheusMeter {
  readonly #nodeDefaults: Registry;
  readonly #exposition: Exposition;

  constructor(options: MeterOptions, defaults: Registry) {
    const { classes, ownClasses, holdMaxMs = 0, wallMs = Date.now } = options;
    super([...classes, ...ownClasses], holdMaxMs, wallMs);
    this.#nodeDefaults = defaults;
    this.#exposition = new Exposition(options, async () => ({
      tally: this,
      snapshot: options.snapshot(),
      ofNode: async () => familiesOf(await defaults.getMetricsAsJSON()),
    }));
  }

  scrape(accept: string | undefined): Promise<Scrape> {
    return this.#exposition.scrape(accept);
  }

  figures(format: 'json' | 'prometheus'): Promise<Page> {
    return this.#exposition.figures(format);
  }

  tallied(): TallyData {
    return dataOf(this);
  }

  async counted(): Promise<Counted> {
    const ofNode = await this.#nodeDefaults.getMetricsAsJSON();
    // Not before: a tally that is told meanwhile must not be newer.
    return { tally: this.tallied(), ofNode };
  }
}
