/** What this process shows to operators, and tells the other replicas of itself. */
import type { Alarm, Clock } from '../clock.ts';
import { cardCallersMax, type FleetCards, type ReplicaCard } from '../observe/fleet-view.ts';
import { callersTogether } from '../observe/merged-views.ts';
import { Recent, recentStepMs } from '../observe/recent.ts';
import { Shared } from '../observe/shared.ts';
import type { CallersView, RecentFigures, WaitSearch } from '../observe/views.ts';
import type { AboutReplica, Look } from '../ops/ports.ts';
import { replicaName } from './control.ts';
import type { Services } from './services.ts';

/** Of a replica that starts now. */
export const aboutReplica = (instance: string, version: string, { wallMs }: Pick<Clock, 'wallMs'>): AboutReplica => ({
  name: replicaName(instance),
  version,
  startedAt: new Date(wallMs()).toISOString(),
});

export class OwnLook implements Look {
  readonly #services: Services;
  readonly #about: AboutReplica;
  readonly #recent: Recent;
  readonly #stepping: Stepping;
  readonly #fleet: Shared<FleetCards>;

  constructor(version: string, services: Services) {
    this.#services = services;
    this.#about = aboutReplica(services.instance, version, services.clock);
    this.#recent = new Recent(() => services.meter.totals());
    this.#stepping = new Stepping(services.clock, this.#recent);
    this.#fleet = new Shared(
      () => this.#lookAtFleet(),
      services.figuresMaxAgeMs,
      () => services.clock.now(),
    );
    services.stores.fleet?.tells((asked) => this.#card(asked));
  }

  about(): AboutReplica {
    return this.#about;
  }

  callers(name: string, max: number): CallersView | null {
    return this.#services.admit.callers(name, max);
  }

  /** The others are asked only for what does not wait here. */
  async wait(id: string): Promise<WaitSearch> {
    const { admit, stores } = this.#services;
    const wait = admit.wait(id);
    if (wait !== null) return { found: { ...wait, replica: this.#about.name }, complete: true };
    return (await stores.fleet?.find(id)) ?? { found: null, complete: true };
  }

  recent(): RecentFigures {
    return this.#recent.figures();
  }

  /** Somebody who asks without end costs Redis no more than one who asks now and then. */
  fleet(): Promise<FleetCards> {
    return this.#fleet.get();
  }

  async #lookAtFleet(): Promise<FleetCards> {
    const { fleet } = this.#services.stores;
    const { cards, ...told } = (await fleet?.look()) ?? { cards: [], silent: 0, complete: true };
    return { cards: [this.#card([]), ...cards], ...told };
  }

  close(): void {
    this.#stepping.close();
  }

  /** @param asked the `X-Request-Id`s that somebody looks for */
  #card(asked: readonly string[]): ReplicaCard {
    const { lines, buckets, lanes, permits, ready, config, store, connections } = this.#services.snapshot();
    const callers = lines.flatMap((line) => this.callers(line.class, cardCallersMax) ?? []);
    return {
      ...this.#about,
      ready,
      hash: config.hash,
      loadedAt: config.loadedAt,
      fallback: store.fallback,
      connections,
      lines,
      buckets,
      lanes,
      permits,
      callers: callersTogether(callers),
      recent: this.#recent.figures(),
      waits: asked.map((id) => ({ id, wait: this.#services.admit.wait(id) })),
    };
  }
}

/** Ends the steps of what happened lately, one after the other. */
export class Stepping {
  #alarm: Alarm;

  constructor(clock: Clock, recent: Recent) {
    const again = (): Alarm =>
      clock.after(recentStepMs, () => {
        recent.step();
        this.#alarm = again();
      });
    this.#alarm = again();
  }

  close(): void {
    this.#alarm.cancel();
  }
}
