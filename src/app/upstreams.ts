/**
 * The connections to the upstream, and to those of classes that have one of their own. Where a reload changes how they
 * are made, new ones take their places: the old ones finish what they have, and are closed after that.
 */
import { isDeepStrictEqual } from 'node:util';
import { createTunnels, type HttpProxyTunnels } from '../adapters/http-proxy/tunnels.ts';
import { reserved } from '../admission/concurrency/in-flight-budget.ts';
import type { Config } from '../config/config.ts';
import type { EndpointClass } from '../exchange/route.ts';
import type { Log } from '../observe/ports.ts';
import { Reachability } from '../upstream/reachability.ts';
import { CoreappConnections, type CoreappOptions } from '../wire/client/coreapp.ts';

/** How connections to one of them are made. */
type Way = Omit<CoreappOptions, 'connectionsMax'>;

class Upstream {
  readonly way: Way;
  readonly coreapp: CoreappConnections;
  readonly tunnels: HttpProxyTunnels;
  readonly reachability: Reachability;

  constructor(way: Way, connectionsMax: number, log: Log) {
    this.way = way;
    this.coreapp = new CoreappConnections({ ...way, connectionsMax });
    this.tunnels = createTunnels(way);
    this.reachability = new Reachability(way.url, log);
  }

  /** Nothing of it is open any more. */
  get isOver(): boolean {
    return this.coreapp.open === 0 && this.tunnels.open === 0;
  }
}

export class Upstreams {
  readonly #log: Log;
  /** Where the upstream is if the configuration names none: the simulator. */
  readonly #simulatorUrl: string;
  #usual: Upstream;
  #others: ReadonlyMap<EndpointClass, Upstream> = new Map();
  readonly #former = new Set<Upstream>();

  constructor(config: Config, simulatorUrl: string, log: Log) {
    this.#log = log;
    this.#simulatorUrl = simulatorUrl;
    this.#usual = this.#usualBy(config);
    this.#others = this.#othersBy(config);
  }

  get usual(): Upstream {
    return this.#usual;
  }

  /** Of classes that have an upstream of their own; null: no class has. */
  get others(): ReadonlyMap<EndpointClass, Upstream> | null {
    return this.#others.size === 0 ? null : this.#others;
  }

  readonly tunnelsOf = (name: EndpointClass): HttpProxyTunnels => (this.#others.get(name) ?? this.#usual).tunnels;

  /** What goes from now on goes by this. */
  configure(config: Config): void {
    const before = new Set([this.#usual, ...this.#others.values()]);
    this.#usual = this.#usualBy(config);
    this.#others = this.#othersBy(config);
    for (const one of [this.#usual, ...this.#others.values()]) before.delete(one);
    for (const one of before) {
      one.coreapp.retire();
      this.#former.add(one);
    }
    for (const one of this.#former) if (one.isOver) this.#former.delete(one);
  }

  /** Ends what has switched protocols. */
  closeTunnels(): void {
    for (const { tunnels } of this.#all()) tunnels.close();
  }

  async close(): Promise<void> {
    this.closeTunnels();
    await Promise.all(this.#all().map(({ coreapp }) => coreapp.close()));
  }

  #all(): Upstream[] {
    return [this.#usual, ...this.#others.values(), ...this.#former];
  }

  #usualBy(config: Config): Upstream {
    const { url, host } = config.coreapp;
    return this.#along(this.#usual, config, url ?? this.#simulatorUrl, host);
  }

  /** TLS settings and timeouts are those of the upstream; what requests say as `Host` is the host of the URL. */
  #othersBy(config: Config): ReadonlyMap<EndpointClass, Upstream> {
    const urls = Object.entries(config.coreapp.urls);
    return new Map(urls.map(([name, url]) => [name, this.#along(this.#others.get(name), config, url, null)]));
  }

  #along(known: Upstream | undefined, config: Config, url: string, host: string | null): Upstream {
    const { tls, connectTimeoutMs, answerTimeoutMs, connectionMaxAgeMs } = config.coreapp;
    const way = { url, host, tls, connectTimeoutMs, answerTimeoutMs, connectionMaxAgeMs };
    if (known === undefined || !isDeepStrictEqual(known.way, way)) return new Upstream(way, poolMax(config), this.#log);
    known.coreapp.resize(poolMax(config));
    return known;
  }
}

/** Most connections to one of them. A class that is not held has some in-flight requests of its own. */
export function poolMax({ coreapp, limits }: Config): number {
  const notHeld = Object.values(limits).filter(({ hold }) => !hold);
  return coreapp.permitsMax + reserved * notHeld.length;
}
