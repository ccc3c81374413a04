/** The life of a worker, as its parent has it: it starts, is reloaded, tells what it has counted, and drains. */
import { type Serving, startWorkerApp } from '../app/app.ts';
import { StartError } from '../app/start-error.ts';
import type { Clock } from '../clock.ts';
import type { Page } from '../exchange/outcome.ts';
import type { Log } from '../observe/ports.ts';
import type { FromWorker, Objection, Report, ToWorker, WorkerStart } from './messages.ts';
import { OpenCountWriter } from './open-count.ts';
import { answerTo } from './questions.ts';
import { Reporting } from './reporting.ts';

interface LifeDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Resolves when the message is on its way. */
  readonly send: (message: FromWorker) => Promise<void>;
  /** Another configuration is in force: what is not of the app takes it, too. */
  readonly applied: (config: WorkerStart['config']) => void;
}

type Later = Exclude<ToWorker, { readonly kind: 'start' }>;

export class WorkerLife {
  readonly #deps: LifeDeps;
  readonly #start: WorkerStart;
  #serving: Serving | null = null;
  #openCount: OpenCountWriter | null = null;
  #commit: (() => void) | null = null;
  /** A message that changes something waits for those before it; a report does not. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #figures = new Map<number, (page: Page | null) => void>();
  #ids = 0;
  readonly #reporting: Reporting;
  readonly #ended = Promise.withResolvers<void>();
  #closing = false;

  constructor(start: WorkerStart, deps: LifeDeps) {
    this.#start = start;
    this.#deps = deps;
    this.#reporting = new Reporting(deps.clock, {
      report: () => void this.#report(null),
      tally: () => this.#tellTally(),
    });
  }

  /** Resolves when it has been drained. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Resolves to what is in the way; null: it serves. */
  begin(): Promise<Objection | null> {
    return this.#inTurn(async () => {
      const { place, worker: _, terminal: __, countFd, ...start } = this.#start;
      const { send, log } = this.#deps;
      const figures = (format: 'json' | 'prometheus') => this.#askForFigures(format);
      let port = 0;
      const objection = await objectionTo(async () => {
        this.#serving = await startWorkerApp({ ...start, log }, { ...place, figures });
        ({ port } = this.#serving);
        this.#follow(countFd);
      });
      if (objection !== null) {
        await send({ kind: 'cannot', objection });
        return objection;
      }
      await send({ kind: 'serving', port });
      this.#reporting.begin();
      return null;
    });
  }

  heard(message: Later): void {
    switch (message.kind) {
      case 'prepare':
        void this.#inTurn(() => this.#prepare(message.id, message.config));
        break;
      case 'commit':
        void this.#inTurn(() => this.#commitPrepared(message.id));
        break;
      case 'discard':
        void this.#inTurn(async () => {
          this.#commit = null;
        });
        break;
      case 'report':
        void this.#report(message.id);
        break;
      case 'figures':
        this.#figures.get(message.id)?.(message.page);
        this.#figures.delete(message.id);
        break;
      case 'ask': {
        const { id } = message;
        const { send } = this.#deps;
        if (this.#serving !== null)
          void answerTo(message, this.#serving).then((said) => send({ kind: 'told', id, said }));
        break;
      }
      case 'lameDuck':
        void this.#inTurn(async () => this.#serving?.lameDuck());
        break;
      case 'close':
        void this.#inTurn(() => this.close(message.graceMs));
    }
  }

  /** Another worker takes its place meanwhile. */
  async leave(graceMs: number): Promise<void> {
    await this.#deps.send({ kind: 'leaving' });
    await this.close(graceMs);
  }

  async close(graceMs: number): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    await this.#serving?.close(graceMs);
    this.#reporting.end();
    await this.#report(null);
    this.#ended.resolve();
  }

  #follow(countFd: number | null): void {
    const openCount = countFd === null ? null : new OpenCountWriter(countFd, this.#deps.clock);
    this.#serving?.traffic.follow((open) => {
      this.#reporting.counted();
      openCount?.count(open);
    });
    this.#openCount = openCount;
  }

  async #prepare(id: number, config: WorkerStart['config']): Promise<void> {
    const objection = await objectionTo(async () => {
      const commit = await this.#serving?.prepare(config);
      this.#commit = () => {
        commit?.();
        this.#deps.applied(config);
      };
    });
    await this.#deps.send({ kind: 'prepared', id, objection });
  }

  /** What throws here is a bug: this worker ends by it, and the next one starts with what is in force. */
  async #commitPrepared(id: number): Promise<void> {
    if (this.#commit === null) throw new Error('A configuration is in force that this worker cannot take.');
    this.#commit();
    this.#commit = null;
    await this.#deps.send({ kind: 'committed', id });
  }

  async #report(id: number | null): Promise<void> {
    if (this.#serving === null) return;
    const { services, traffic, steer } = this.#serving;
    const report: Report = {
      counted: await services.meter.counted(),
      snapshot: services.snapshot(),
      openRequests: traffic.underWay,
      drained: steer.isDrained,
    };
    // What is said is in the file as well.
    this.#openCount?.write();
    await this.#deps.send({ kind: 'report', id, report });
  }

  #tellTally(): void {
    if (this.#serving !== null) {
      void this.#deps.send({ kind: 'tally', tally: this.#serving.services.meter.tallied() });
    }
  }

  async #askForFigures(format: 'json' | 'prometheus'): Promise<Page> {
    this.#ids += 1;
    const id = this.#ids;
    const page = await new Promise<Page | null>((resolve) => {
      this.#figures.set(id, resolve);
      void this.#deps.send({ kind: 'figures', id, format });
    });
    if (page === null) throw new Error('The parent could not add up what the workers have counted.');
    return page;
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }
}

async function objectionTo(work: () => Promise<void>): Promise<Objection | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof StartError) return { setting: error.setting, problem: error.problem };
    throw error;
  }
}
