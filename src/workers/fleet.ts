/**
 * The workers of a replica: as many as there are to be, each started again when it ends, reloaded and drained together.
 * It decides by what it is told, and knows processes only by `SpawnWorker`.
 */
import { StartError } from '../app/start-error.ts';
import type { Alarm, Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { workerShare } from '../config/worker-share.ts';
import type { Page } from '../exchange/outcome.ts';
import type { Log } from '../observe/ports.ts';
import type { WorkersSnapshot } from '../observe/snapshot.ts';
import { Member, type SpawnWorker, type WorkerEnd } from './member.ts';
import type { FromWorker, Report, WorkerStart } from './messages.ts';
import { Restarts } from './restarts.ts';

interface FleetDeps {
  readonly spawn: SpawnWorker;
  readonly clock: Clock;
  readonly log: Log;
  /** What the whole replica has counted, for a caller that asks a worker. */
  readonly figures: (format: 'json' | 'prometheus') => Promise<Page>;
  /** A worker has ended: what it told last. */
  readonly keep: (report: Report) => void;
  /** Another one serves in the place of one that ended. */
  readonly welcome: (member: Member) => void;
}

/** What all workers are started with; the rest is of each. */
type FleetStart = Omit<WorkerStart, 'worker' | 'place' | 'countFd'> & {
  readonly place: Pick<WorkerStart['place'], 'sharing' | 'instance'>;
};

/** A place among the workers: when the worker in it ends, the next one takes it. */
interface Slot {
  readonly worker: number;
  readonly paces: Restarts;
  restarts: number;
  /** Null: none is there, the next one is waited for. */
  member: Member | null;
  alarm: Alarm | null;
}

/** How long a worker may take to answer. Getting ready for a configuration may have to wait for the disk. */
const reportMaxMs = 1_000;
const reloadMaxMs = 10_000;
/** A worker that says nothing at so many looks in a row, this far apart, hangs. One that starts has longer. */
const lookMs = 5_000;
const silencesMax = 6;
const silencesMaxAtStart = 24;
/** What a worker gets on top of the grace time: to refuse what is left, and to write its last lines. */
const endMaxMs = 5_000;

export class Fleet {
  readonly #deps: FleetDeps;
  readonly #start: FleetStart;
  readonly #slots: readonly Slot[];
  /** Those that end by themselves and have no place any more. */
  readonly #leaving = new Set<Member>();
  #config: Config;
  /** What the first worker has seen to; undefined: nothing yet. */
  #adminPassword: string | null | undefined;
  #requestsLost = 0;
  #port = 0;
  /** `killed`: none is wanted any more, and how it ends is no news. */
  #phase: 'starting' | 'running' | 'stopping' | 'killed' = 'starting';
  /** Resolves or rejects while the first ones start. */
  readonly #begun = Promise.withResolvers<void>();
  #look: Alarm | null = null;
  #allEnded: (() => void) | null = null;

  /** @param start its `config` is the whole replica's */
  constructor(start: FleetStart, deps: FleetDeps) {
    const now = deps.clock.now();
    this.#deps = deps;
    this.#start = start;
    this.#config = start.config;
    this.#slots = Array.from({ length: start.config.workers }, (_, i) => ({
      worker: i + 1,
      paces: new Restarts(now),
      restarts: 0,
      member: null,
      alarm: null,
    }));
  }

  /** Resolves when all serve. Rejects with a `StartError` where one can't start; none is left then. */
  async begin(): Promise<void> {
    for (const slot of this.#slots) this.#spawn(slot);
    try {
      await this.#begun.promise;
    } catch (error) {
      this.kill();
      await this.#ended();
      throw error;
    }
    this.#phase = 'running';
    this.#watch();
  }

  /** The one that all listen on. */
  get port(): number {
    return this.#port;
  }

  /** How many serve. */
  get serving(): number {
    return this.whoServe.length;
  }

  /** Those that serve. */
  get whoServe(): readonly Member[] {
    return this.#members.filter(({ hasServed }) => hasServed);
  }

  /** What all that are left have told last. */
  get latest(): Report[] {
    return [...this.#members, ...this.#leaving].flatMap(({ report }) => report ?? []);
  }

  /**
   * What all workers have counted that have said anything. Those that serve are asked now; if one does not answer, its
   * last report counts.
   */
  async reports(): Promise<Report[]> {
    const serving = [...this.whoServe, ...this.#leaving];
    await Promise.all(serving.map((member) => member.ask((id) => ({ kind: 'report', id }), reportMaxMs)));
    return this.latest;
  }

  snapshot(): WorkersSnapshot {
    return {
      count: this.#slots.length,
      each: this.#slots.map(({ worker, member, restarts }) => ({
        worker,
        pid: member?.process.pid ?? null,
        state: member === null ? 'waiting' : member.hasServed ? 'serving' : 'starting',
        restarts,
        connections: member?.report?.snapshot.connections ?? 0,
      })),
      requestsLost: this.#requestsLost,
    };
  }

  /** All take it, or none: rejects with a `StartError` where one can't, and nothing has changed then. */
  async apply(config: Config): Promise<void> {
    const share = workerShare(config);
    const prepare = (member: Member) => member.ask((id) => ({ kind: 'prepare', id, config: share }), reloadMaxMs);
    const asked = this.#members;
    const answers = await Promise.all(asked.map(async (member) => ({ member, answer: await prepare(member) })));
    // One that has ended meanwhile is no reason: the next one starts with what is in force by then.
    const objections = answers.flatMap(({ member, answer }) => {
      if (answer?.kind === 'prepared') return answer.objection ?? [];
      if (!this.#members.includes(member)) return [];
      return {
        setting: 'workers',
        problem: `worker ${this.#numberOf(member)} did not answer within ${reloadMaxMs} ms`,
      };
    });
    const [objection] = objections;
    if (objection !== undefined) {
      for (const { process } of this.#members) process.send({ kind: 'discard' });
      throw new StartError(objection.setting, objection.problem);
    }
    await this.#commit(config, share, asked);
  }

  lameDuck(): void {
    this.#phase = 'stopping';
    for (const slot of this.#slots) slot.alarm?.cancel();
    for (const { process } of this.#members) process.send({ kind: 'lameDuck' });
  }

  /** Resolves when none is left. */
  async close(graceMs: number): Promise<void> {
    this.#phase = 'stopping';
    this.#look?.cancel();
    for (const slot of this.#slots) slot.alarm?.cancel();
    for (const { process } of this.#members) process.send({ kind: 'close', graceMs });
    const tooLate = this.#deps.clock.after(graceMs + endMaxMs, () => this.#killTheLast());
    await this.#ended();
    tooLate.cancel();
  }

  /** At once. */
  kill(): void {
    this.#phase = 'killed';
    for (const { process } of [...this.#members, ...this.#leaving]) process.kill();
  }

  #killTheLast(): void {
    for (const { worker, member } of this.#slots) {
      if (member === null) continue;
      this.#deps.log.error('a worker does not stop and is killed', { worker, pid: member.process.pid });
      member.process.kill();
    }
    for (const { process } of this.#leaving) process.kill();
  }

  get #members(): Member[] {
    return this.#slots.flatMap(({ member }) => (member === null ? [] : [member]));
  }

  #numberOf(member: Member): number | null {
    return this.#slots.find((slot) => slot.member === member)?.worker ?? null;
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      this.#allEnded = resolve;
      this.#tellIfNoneIsLeft();
    });
  }

  #tellIfNoneIsLeft(): void {
    if (this.#members.length + this.#leaving.size === 0) this.#allEnded?.();
  }

  async #commit(config: Config, share: Config, asked: readonly Member[]): Promise<void> {
    this.#config = config;
    // Those that were started while the others were asked have the old one: they get ready now, and commit next.
    const newcomers = this.#members.filter((member) => !asked.includes(member));
    for (const member of newcomers) void member.ask((id) => ({ kind: 'prepare', id, config: share }), reloadMaxMs);
    await Promise.all(this.#members.map((member) => member.ask((id) => ({ kind: 'commit', id }), reloadMaxMs)));
    this.#adminPassword = config.auth.adminPassword;
    // It may have mended what kept some from starting.
    for (const slot of this.#slots) if (slot.alarm !== null && this.#phase === 'running') this.#spawn(slot);
  }

  #spawn(slot: Slot): void {
    slot.alarm?.cancel();
    slot.alarm = null;
    const member: Member = new Member(
      this.#deps.spawn({
        said: (message) => this.#said(slot, member, message),
        ended: (end) => this.#memberEnded(slot, member, end),
      }),
      this.#deps.clock,
    );
    slot.member = member;
    const { worker } = slot;
    const place = { ...this.#start.place, admin: this.#adminCareOf(worker) };
    const { countFd } = member.process;
    const start = { ...this.#start, worker, place, countFd, config: workerShare(this.#config) };
    member.process.send({ kind: 'start', start });
  }

  /** Only one of them sees to the admin, and sets the password only once: the admin may have another one since. */
  #adminCareOf(worker: number): WorkerStart['place']['admin'] {
    if (worker !== 1) return 'none';
    return this.#adminPassword === this.#config.auth.adminPassword ? 'keep' : 'set';
  }

  #said(slot: Slot, member: Member, message: FromWorker): void {
    switch (message.kind) {
      case 'serving':
        this.#serves(slot, member, message.port);
        break;
      case 'cannot':
        this.#cannot(slot, message.objection);
        break;
      case 'leaving':
        this.#leaves(slot, member);
        break;
      case 'figures':
        void this.#tellFigures(member, message.id, message.format);
        break;
      case 'tally':
        member.counted(message.tally);
        break;
      case 'prepared':
      case 'committed':
      case 'told':
      case 'report':
        member.answered(message);
    }
  }

  #serves(slot: Slot, member: Member, port: number): void {
    this.#port = port;
    member.hasServed = true;
    member.silences = 0;
    if (slot.worker === 1) this.#adminPassword = this.#config.auth.adminPassword;
    this.#deps.log.info('a worker serves', { worker: slot.worker, pid: member.process.pid });
    if (this.serving === this.#slots.length) this.#begun.resolve();
    if (this.#phase === 'running') this.#deps.welcome(member);
  }

  #cannot({ worker }: Slot, { setting, problem }: { setting: string; problem: string }): void {
    const error = new StartError(setting, problem);
    this.#deps.log.error('a worker cannot start', { worker, reason: error.message });
    this.#begun.reject(error);
  }

  /** Another one takes its place while it drains. */
  #leaves(slot: Slot, member: Member): void {
    if (slot.member !== member) return;
    this.#begun.reject(new StartError('workers', `worker ${slot.worker} has a bug, which the log tells`));
    this.#leaving.add(member);
    slot.member = null;
    this.#startAgain(slot, member);
  }

  #memberEnded(slot: Slot, member: Member, { code, signal, problem, openRequests }: WorkerEnd): void {
    const { log, keep } = this.#deps;
    member.ended();
    if (member.report !== null) keep(member.report);
    const isDraining = this.#leaving.delete(member) || this.#phase === 'stopping';
    const hadItsPlace = slot.member === member;
    if (hadItsPlace) slot.member = null;
    // Whoever kills one that drains ends what is open in it, too.
    if (this.#phase !== 'killed' && (!isDraining || signal !== null)) {
      const lost = openRequests ?? member.report?.openRequests ?? 0;
      this.#requestsLost += lost;
      log.error('a worker has died', {
        worker: slot.worker,
        pid: member.process.pid,
        code,
        signal,
        ...(problem !== null && { problem }),
        requestsLost: lost,
      });
      const why = problem ?? signal ?? `exit code ${code}`;
      this.#begun.reject(new StartError('workers', `worker ${slot.worker} ended before all served (${why})`));
      if (hadItsPlace) this.#startAgain(slot, member);
    }
    this.#tellIfNoneIsLeft();
  }

  #startAgain(slot: Slot, { hasServed }: Member): void {
    const { clock, log } = this.#deps;
    if (this.#phase !== 'running') return;
    const waitMs = slot.paces.ended(clock.now(), hasServed);
    slot.restarts += 1;
    log.info('a worker is started again', { worker: slot.worker, inMs: Math.round(waitMs) });
    slot.alarm = clock.after(waitMs, () => this.#spawn(slot));
  }

  async #tellFigures(member: Member, id: number, format: 'json' | 'prometheus'): Promise<void> {
    const page = await this.#deps.figures(format).catch(() => null);
    member.process.send({ kind: 'figures', id, page });
  }

  /** Counts looks, not time: a machine that slept would find all of them silent for hours. */
  #watch(): void {
    const { clock, log } = this.#deps;
    this.#look = clock.after(lookMs, () => {
      for (const member of this.#members) {
        member.silences += 1;
        if (member.silences <= (member.hasServed ? silencesMax : silencesMaxAtStart)) continue;
        log.error('a worker hangs and is killed', { worker: this.#numberOf(member), pid: member.process.pid });
        member.process.kill();
      }
      this.#watch();
    });
  }
}
