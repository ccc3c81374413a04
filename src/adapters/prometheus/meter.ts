import { hostname } from 'node:os';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Page } from '../../model/page.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Meter } from '../../ports.ts';
import { weirFamilies } from './families.ts';
import { formatFor } from './negotiate.ts';
import { Tally } from './tally.ts';
import { familiesOf, textOf } from './text.ts';
import { jsonOf, webappFamilies } from './webapp.ts';

export interface MeterOptions {
  /** Weir's version. */
  readonly version: string;
  /** How the Webapp's own figures name this replica. Default: `<host name>:weir`. */
  readonly node?: string;
  /** Read once for each scrape; what it shows becomes the gauges. */
  readonly snapshot: () => Snapshot;
}

export interface Scrape {
  readonly contentType: string;
  readonly body: string;
}

export interface PrometheusMeter extends Meter {
  /** Everything, for a scraper: `accept` is its `Accept` field. */
  scrape(accept: string | undefined): Promise<Scrape>;
  /** `GET /v1/metrics`: the original's figures and Weir's own, without Node's. */
  figures(format: 'json' | 'prometheus'): Promise<Page>;
}

export function createMeter({ version, node = `${hostname()}:weir`, snapshot }: MeterOptions): PrometheusMeter {
  const nodeDefaults = new Registry();
  collectDefaultMetrics({ register: nodeDefaults });
  return new RegistryMeter({ version, node: process.version }, node, snapshot, nodeDefaults);
}

class RegistryMeter extends Tally implements PrometheusMeter {
  readonly #build: { readonly version: string; readonly node: string };
  readonly #node: string;
  readonly #snapshot: () => Snapshot;
  readonly #nodeDefaults: Registry;

  constructor(build: { version: string; node: string }, node: string, snapshot: () => Snapshot, defaults: Registry) {
    super();
    this.#build = build;
    this.#node = node;
    this.#snapshot = snapshot;
    this.#nodeDefaults = defaults;
  }

  async scrape(accept: string | undefined): Promise<Scrape> {
    const format = formatFor(accept);
    const own = weirFamilies(this, this.#snapshot(), this.#build);
    return { contentType: format, body: await textOf([...own, ...(await familiesOf(this.#nodeDefaults))], format) };
  }

  async figures(format: 'json' | 'prometheus'): Promise<Page> {
    const snapshot = this.#snapshot();
    const families = [
      ...webappFamilies(this, snapshot, this.#node, process.uptime()),
      ...weirFamilies(this, snapshot, this.#build),
    ];
    if (format === 'json') return page('application/json', jsonOf(families));
    const text = Registry.PROMETHEUS_CONTENT_TYPE;
    return page(text, await textOf(families, text));
  }
}

function page(contentType: string, body: string): Page {
  return { kind: 'page', status: 200, fields: ['content-type', contentType], body };
}
