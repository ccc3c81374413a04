import { hostname } from 'node:os';
import { collectDefaultMetrics, Registry } from 'prom-client';
import type { Page } from '../../exchange/outcome.ts';
import type { FiguresForm } from '../../observe/figures.ts';
import type { Meter } from '../../observe/ports.ts';
import { Shared } from '../../observe/shared.ts';
import type { Snapshot } from '../../observe/snapshot.ts';
import { weirFamilies } from './families.ts';
import { type Format, formatFor, protobuf } from './negotiate.ts';
import { protobufOf } from './protobuf.ts';
import { Tally } from './tally.ts';
import { familiesOf, textOf } from './text.ts';

const plainText = Registry.PROMETHEUS_CONTENT_TYPE;
const openMetrics = Registry.OPENMETRICS_CONTENT_TYPE;

export interface MeterOptions {
  /** Weir's version. */
  readonly version: string;
  /** Whose requests go to the upstream. */
  readonly classes: readonly string[];
  /** What Weir answers itself. */
  readonly ownClasses: readonly string[];
  /** The longest that a request of any class may be held. Default: 0, the usual bounds will do. */
  readonly holdMaxMs?: number;
  /** How the profile's figures name this replica. Default: `<host name>:weir`. */
  readonly node?: string;
  /** How the profile shows figures to its callers; null: it doesn't. */
  readonly form: FiguresForm | null;
  /** Read once for each scrape; what it shows becomes the gauges. */
  readonly snapshot: () => Snapshot;
  /** How old the figures that are shown may be, milliseconds. Default: 0, they are made for each scrape. */
  readonly figuresMaxAgeMs?: number;
  /** Milliseconds since some moment. */
  readonly now?: () => number;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly wallMs?: () => number;
}

export interface Scrape {
  readonly contentType: string;
  /** Bytes where the format is no text. */
  readonly body: string | Buffer;
}

export interface PrometheusMeter extends Meter {
  /** Everything, for a scraper: `accept` is its `Accept` field. */
  scrape(accept: string | undefined): Promise<Scrape>;
  /** There are further classes, or a request may be held longer. */
  know(classes: readonly string[], holdMaxMs: number): void;
  /** As the profile shows them to its callers: its own and Weir's, without Node's. */
  figures(format: 'json' | 'prometheus'): Promise<Page>;
}

export function createMeter(options: MeterOptions): PrometheusMeter {
  const nodeDefaults = new Registry();
  collectDefaultMetrics({ register: nodeDefaults });
  return new RegistryMeter(options, nodeDefaults);
}

class RegistryMeter extends Tally implements PrometheusMeter {
  readonly #build: { readonly version: string; readonly node: string };
  readonly #node: string;
  readonly #form: FiguresForm | null;
  readonly #snapshot: () => Snapshot;
  readonly #nodeDefaults: Registry;

  readonly #scrapes: Readonly<Record<Format, Shared<Scrape>>>;
  readonly #figures: Readonly<Record<'json' | 'prometheus', Shared<Page>>>;

  constructor(options: MeterOptions, defaults: Registry) {
    const { wallMs = Date.now } = options;
    super([...options.classes, ...options.ownClasses], options.holdMaxMs ?? 0, wallMs);
    const { version, node = `${hostname()}:weir`, form, snapshot, figuresMaxAgeMs = 0, now = () => 0 } = options;
    this.#build = { version, node: process.version };
    this.#node = node;
    this.#form = form;
    this.#snapshot = snapshot;
    this.#nodeDefaults = defaults;
    const shared = <T>(make: () => Promise<T>): Shared<T> => new Shared(make, figuresMaxAgeMs, now);
    this.#scrapes = {
      [plainText]: shared(() => this.#scrape(plainText)),
      [openMetrics]: shared(() => this.#scrape(openMetrics)),
      [protobuf]: shared(() => this.#scrape(protobuf)),
    };
    this.#figures = {
      json: shared(() => this.#page('json')),
      prometheus: shared(() => this.#page('prometheus')),
    };
  }

  scrape(accept: string | undefined): Promise<Scrape> {
    return this.#scrapes[formatFor(accept)].get();
  }

  figures(format: 'json' | 'prometheus'): Promise<Page> {
    return this.#figures[format].get();
  }

  async #scrape(format: Format): Promise<Scrape> {
    const own = weirFamilies(this, this.#snapshot(), this.#build);
    const families = [...own, ...(await familiesOf(this.#nodeDefaults))];
    return { contentType: format, body: format === protobuf ? protobufOf(families) : await textOf(families, format) };
  }

  async #page(format: 'json' | 'prometheus'): Promise<Page> {
    const form = this.#form;
    if (form === null) throw new Error('The profile shows no figures to callers.');
    const snapshot = this.#snapshot();
    const figures = { answers: this.answerFigures(), snapshot, node: this.#node, uptimeSeconds: process.uptime() };
    const families = [...form.families(figures), ...weirFamilies(this, snapshot, this.#build)];
    if (format === 'json') return page('application/json', form.json(families));
    return page(plainText, await textOf(families, plainText));
  }
}

function page(contentType: string, body: string): Page {
  return { kind: 'page', status: 200, fields: ['content-type', contentType], body };
}
