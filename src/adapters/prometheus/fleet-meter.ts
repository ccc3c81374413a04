/** The metrics of a replica whose workers count: its parent adds up what they have told. */
import { AggregatorRegistry } from 'prom-client';
import type { Page } from '../../exchange/outcome.ts';
import type { Family } from '../../observe/family.ts';
import type { ReloadResult } from '../../observe/ports.ts';
import type { Totals } from '../../observe/recent.ts';
import type { Snapshot } from '../../observe/snapshot.ts';
import { Exposition, type ExpositionOptions, type Scrape } from './exposition.ts';
import { type Counted, nodeDefaults } from './meter.ts';
import { Tally } from './tally.ts';
import { addData, dataOf } from './tally-data.ts';
import { familiesOf, type NodeMetrics } from './text.ts';

export interface FleetReading {
  /** What each worker has counted since it was started. */
  readonly counted: readonly Counted[];
  readonly snapshot: Snapshot;
}

interface FleetMeterOptions extends ExpositionOptions {
  /** Those of upstreams, and those that Weir answers itself. */
  readonly classes: readonly string[];
  /** The longest that a request of any class may be held. */
  readonly holdMaxMs: number;
  /** What the workers say now. */
  readonly read: () => Promise<FleetReading>;
}

export class FleetMeter {
  #classes: readonly string[];
  #holdMaxMs: number;
  readonly #own = nodeDefaults();
  /** What this process counts, and what workers had counted that are gone: a counter never goes back. */
  readonly #gone: Tally;
  #goneOfNode: Promise<NodeMetrics> = Promise.resolve([]);
  readonly #exposition: Exposition;

  constructor({ classes, holdMaxMs, read, ...options }: FleetMeterOptions) {
    this.#classes = classes;
    this.#holdMaxMs = holdMaxMs;
    this.#gone = this.#newTally();
    this.#exposition = new Exposition(options, async () => {
      const { counted, snapshot } = await read();
      return { tally: this.#sumOf(counted), snapshot, ofNode: () => this.#ofNode(counted) };
    });
  }

  scrape(accept: string | undefined): Promise<Scrape> {
    return this.#exposition.scrape(accept);
  }

  figures(format: 'json' | 'prometheus'): Promise<Page> {
    return this.#exposition.figures(format);
  }

  /** The counts of each class, added up over the workers. */
  totals(counted: readonly Counted[]): ReadonlyMap<string, Totals> {
    return this.#sumOf(counted).totals();
  }

  reloaded(result: ReloadResult): void {
    this.#gone.reloaded(result);
  }

  /** Another configuration is in force. Classes that are gone have their counts in what is gone. */
  know(classes: readonly string[], holdMaxMs: number): void {
    this.#classes = classes;
    this.#holdMaxMs = Math.max(this.#holdMaxMs, holdMaxMs);
    this.#gone.know(classes, holdMaxMs);
  }

  /** A worker has ended: what it had counted stays. */
  async keep({ tally, ofNode }: Counted): Promise<void> {
    addData(this.#gone, { ...tally, monitoringMs: null });
    const counters = ofNode.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
    // One after the other: of two that end at once neither is added to a sum that lacks the other.
    const before = this.#goneOfNode;
    const sum = before.then((gone) => sumOfNode([gone, counters]));
    // A sum that fails must not end all scrapes to come.
    this.#goneOfNode = sum.catch(() => before);
    await sum;
  }

  #newTally(): Tally {
    return new Tally(this.#classes, this.#holdMaxMs, Date.now);
  }

  #sumOf(counted: readonly Counted[]): Tally {
    const sum = this.#newTally();
    for (const { tally } of [{ tally: dataOf(this.#gone) }, ...counted]) addData(sum, tally);
    return sum;
  }

  async #ofNode(counted: readonly Counted[]): Promise<Family[]> {
    const own = await this.#own.getMetricsAsJSON();
    const sums = await sumOfNode([own, ...counted.map(({ ofNode }) => ofNode), await this.#goneOfNode]);
    // What means nothing as a sum is this process’s, such as when it was started.
    const names = new Set(sums.map(({ name }) => name));
    return familiesOf([...sums, ...own.filter(({ name }) => !names.has(name))]);
  }
}

/**
 * Each metric by the rule that prom-client gives it, but for one: a mean of late event loops would hide a worker that is
 * too busy, the more so as the parent's own is never late.
 */
function sumOfNode(all: readonly NodeMetrics[]): Promise<NodeMetrics> {
  const byWorst = all.map((metrics) =>
    metrics.map((metric) => (metric.aggregator === 'average' ? { ...metric, aggregator: 'max' as const } : metric)),
  );
  return AggregatorRegistry.aggregate(byWorst).getMetricsAsJSON();
}
