/** What was counted, written down: for scrapers, and as the profile shows it to its callers. */
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import type { Page } from '../../exchange/outcome.ts';
import type { Family } from '../../observe/family.ts';
import type { FiguresForm } from '../../observe/figures.ts';
import { Shared } from '../../observe/shared.ts';
import type { Snapshot } from '../../observe/snapshot.ts';
import { weirFamilies } from './families.ts';
import { type Format, formatFor, protobuf } from './negotiate.ts';
import { protobufOf } from './protobuf.ts';
import type { Tally } from './tally.ts';
import { textOf } from './text.ts';

const plainText = Registry.PROMETHEUS_CONTENT_TYPE;
const openMetrics = Registry.OPENMETRICS_CONTENT_TYPE;

export interface ExpositionOptions {
  /** Weir's version. */
  readonly version: string;
  /** How the profile's figures name this replica. Default: `<host name>:weir`. */
  readonly node?: string;
  /** How the profile shows figures to its callers; null: it doesn't. */
  readonly form: FiguresForm | null;
  /** How old the figures that are shown may be now, milliseconds. Default: 0, they are made for each scrape. */
  readonly figuresMaxAgeMs?: () => number;
  /** Milliseconds since some moment. */
  readonly now?: () => number;
}

export interface Scrape {
  readonly contentType: string;
  /** Bytes where the format is no text. */
  readonly body: string | Buffer;
}

/** All that there is to say at one moment. */
interface Reading {
  readonly tally: Tally;
  readonly snapshot: Snapshot;
  /** What Node and the system say of the process, or of all processes of the replica. */
  readonly ofNode: () => Promise<readonly Family[]>;
}

export class Exposition {
  readonly #build: { readonly version: string; readonly node: string };
  readonly #node: string;
  readonly #form: FiguresForm | null;
  readonly #read: () => Promise<Reading>;
  readonly #scrapes: Readonly<Record<Format, Shared<Scrape>>>;
  readonly #figures: Readonly<Record<'json' | 'prometheus', Shared<Page>>>;

  constructor(options: ExpositionOptions, read: () => Promise<Reading>) {
    const { version, node = `${hostname()}:weir`, form, figuresMaxAgeMs = () => 0, now = () => 0 } = options;
    this.#build = { version, node: process.version };
    this.#node = node;
    this.#form = form;
    this.#read = read;
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

  /** Everything, for a scraper: `accept` is its `Accept` field. */
  scrape(accept: string | undefined): Promise<Scrape> {
    return this.#scrapes[formatFor(accept)].get();
  }

  /** As the profile shows them to its callers: its own and Weir's, without Node's. */
  figures(format: 'json' | 'prometheus'): Promise<Page> {
    return this.#figures[format].get();
  }

  async #scrape(format: Format): Promise<Scrape> {
    const { tally, snapshot, ofNode } = await this.#read();
    const families = [...weirFamilies(tally, snapshot, this.#build), ...(await ofNode())];
    const body = format === protobuf ? protobufOf(families) : await textOf(families, format);
    return { contentType: format, body };
  }

  async #page(format: 'json' | 'prometheus'): Promise<Page> {
    const form = this.#form;
    if (form === null) throw new Error('The profile shows no figures to callers.');
    const { tally, snapshot } = await this.#read();
    const figures = { answers: tally.answerFigures(), snapshot, node: this.#node, uptimeSeconds: process.uptime() };
    const families = [...form.families(figures), ...weirFamilies(tally, snapshot, this.#build)];
    if (format === 'json') return page('application/json', form.json(families));
    return page(plainText, await textOf(families, plainText));
  }
}

function page(contentType: string, body: string): Page {
  return { kind: 'page', status: 200, fields: ['content-type', contentType], body };
}
