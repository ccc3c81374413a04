/** A fleet of workers that are played, in virtual time: who is started when, and all or none of them reloaded. */
import { queryObjects } from 'node:v8';
import { afterEach, describe, expect, it } from 'vitest';
import { StartError } from '../../src/app/start-error.ts';
import type { Config } from '../../src/config/config.ts';
import type { SteeringView, Word } from '../../src/observe/steering.ts';
import type { CallerView } from '../../src/observe/views.ts';
import { Fleet } from '../../src/workers/fleet.ts';
import { Member, type WorkerEvents } from '../../src/workers/member.ts';
import type { FromWorker, QuestionName, Report, ToWorker, WorkerStart } from '../../src/workers/messages.ts';
import { Operating } from '../../src/workers/operating.ts';
import { config, load } from '../support/config.ts';
import { eventLog } from '../support/silent-log.ts';
import { busy } from '../support/snapshots.ts';
import { until } from '../support/until.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const settings = (yaml = ''): Config => config(load(`workers: 2\n${yaml}`, { REDIS_URL: 'redis://redis:6379' }));

type Play = (message: ToWorker, worker: PlayedWorker) => void;

class PlayedWorker {
  readonly start: WorkerStart;
  readonly heard: ToWorker[] = [];
  readonly #events: WorkerEvents;

  constructor(start: WorkerStart, events: WorkerEvents) {
    this.start = start;
    this.#events = events;
  }

  says(message: FromWorker): void {
    this.#events.said(message);
  }

  /** @param openRequests how many it has counted in its file; null: it has none */
  dies(signal: string | null = 'SIGKILL', openRequests: number | null = null): void {
    this.#events.ended({ code: signal === null ? 0 : null, signal, problem: null, openRequests });
  }

  heardOf(kind: ToWorker['kind']): number {
    return this.heard.filter((message) => message.kind === kind).length;
  }
}

const reportOf = (openRequests: number): Report => ({
  counted: { tally: {} as Report['counted']['tally'], ofNode: [] },
  snapshot: busy,
  openRequests,
  drained: false,
});

/** What a worker does that is well. */
const well: Play = (message, worker) => {
  if (message.kind === 'start') worker.says({ kind: 'serving', port: 8_080 });
  if (message.kind === 'prepare') worker.says({ kind: 'prepared', id: message.id, objection: null });
  if (message.kind === 'commit') worker.says({ kind: 'committed', id: message.id });
  if (message.kind === 'report') worker.says({ kind: 'report', id: message.id, report: reportOf(3) });
  if (message.kind === 'ask') worker.says({ kind: 'told', id: message.id, said: [] });
  if (message.kind === 'close') worker.dies(null);
};

function played(play: Play = well) {
  const clock = new VirtualClock();
  const workers: PlayedWorker[] = [];
  const kept: Report[] = [];
  const stage = { play };
  const spawn = (events: WorkerEvents) => {
    const process = {
      pid: workers.length + 1,
      countFd: null,
      send(message: ToWorker): void {
        if (message.kind === 'start') {
          mine = new PlayedWorker(message.start, events);
          workers.push(mine);
        }
        const worker = mine;
        if (worker === undefined) throw new Error('A worker was told something before its start.');
        worker.heard.push(message);
        queueMicrotask(() => stage.play(message, worker));
      },
      kill: () => queueMicrotask(() => mine?.dies()),
    };
    let mine: PlayedWorker | undefined;
    return process;
  };
  const start = {
    config: settings(),
    coreappUrl: 'http://coreapp',
    version: '1',
    hash: '',
    place: { sharing: 'reusePort', instance: 'i' },
    terminal: { isTTY: false, colours: false },
  } as const;
  const { log, events } = eventLog();
  const figures = () => Promise.reject(new Error('none'));
  const fleet = new Fleet(start, {
    spawn,
    clock,
    log,
    figures,
    keep: (report) => kept.push(report),
    welcome: (member) => void operating.welcome(member),
  });
  const operating = new Operating({
    about: { name: 'r', version: '1', startedAt: '' },
    workers: () => fleet.whoServe,
    recent: () => ({ stepMs: 1, classes: [] }),
    refresh: () => fleet.reports(),
  });
  return { fleet, operating, clock, workers, kept, stage, events };
}

const running: Fleet[] = [];
afterEach(async () => {
  for (const fleet of running.splice(0)) await fleet.close(1_000);
});

/** The same, of which all serve; it is closed after the test. */
async function begun(play?: Play) {
  const stage = played(play);
  await stage.fleet.begin();
  running.push(stage.fleet);
  return stage;
}

describe('A fleet', () => {
  it('has begun when all serve, and only the first sees to the admin', async () => {
    const { fleet, workers } = await begun();
    expect(workers.map(({ start }) => [start.worker, start.place.admin])).toEqual([
      [1, 'set'],
      [2, 'none'],
    ]);
    expect(fleet.serving).toBe(2);
  });

  it('does not begin where one cannot start, and leaves none behind', async () => {
    const { fleet, workers, events } = played((message, worker) => {
      if (message.kind !== 'start') return;
      if (worker.start.worker === 1) worker.says({ kind: 'serving', port: 8_080 });
      else worker.says({ kind: 'cannot', objection: { setting: 'bodies.folder', problem: 'no' } });
    });
    await expect(fleet.begin()).rejects.toThrow(new StartError('bodies.folder', 'no').message);
    expect(events.map(({ message }) => message)).not.toContain('a worker has died');
    expect(workers).toHaveLength(2);
    expect(fleet.snapshot().each.map(({ pid }) => pid)).toEqual([null, null]);
  });

  it('starts another one in the place of one that dies, by the configuration in force', async () => {
    const { fleet, clock, workers, kept } = await begun();
    await fleet.apply(settings('limits: {messages: {rate: 7}}'));
    await fleet.reports();
    await clock.advance(5_000);
    workers[0]?.dies();
    await clock.advance(1);
    expect(workers).toHaveLength(3);
    expect(workers[2]?.start).toMatchObject({ worker: 1, place: { admin: 'keep' } });
    expect(workers[2]?.start.config.limits['messages']?.rate).toBe(7);
    expect(kept).toHaveLength(1);
    expect(fleet.snapshot()).toMatchObject({ requestsLost: 3, each: [{ restarts: 1 }, { restarts: 0 }] });
  });

  it('starts those that wait for another start at once, when another configuration is in force', async () => {
    const { fleet, clock, workers, stage } = await begun();
    stage.play = (message, worker) => (message.kind === 'start' ? worker.dies() : well(message, worker));
    workers[0]?.dies();
    await clock.advance(10_000);
    const tries = workers.length;
    stage.play = well;
    await fleet.apply(settings('limits: {messages: {rate: 7}}'));
    expect(workers).toHaveLength(tries + 1);
    await until(() => fleet.serving === 2, { what: 'all to serve' });
    await clock.advance(15_000);
    expect(workers).toHaveLength(tries + 1);
  });

  it('keeps what one that dies has told between two reports', async () => {
    const { fleet, workers, kept } = await begun();
    const tally = { reloads: {} } as Report['counted']['tally'];
    workers[0]?.says({ kind: 'tally', tally });
    expect(fleet.latest).toEqual([]);
    await fleet.reports();
    const before = fleet.latest[0] as Report;
    workers[0]?.says({ kind: 'tally', tally });
    workers[0]?.dies();
    expect(kept).toEqual([{ ...before, counted: { ...before.counted, tally } }]);
    expect(kept[0]?.counted.tally).toBe(tally);
  });

  it('counts what was open in one that dies by its file, which is newer than what it told', async () => {
    const { fleet, clock, workers } = await begun();
    await fleet.reports();
    workers[0]?.dies('SIGKILL', 5);
    await clock.advance(2_000);
    expect(fleet.snapshot().requestsLost).toBe(5);
    workers[1]?.dies('SIGKILL');
    expect(fleet.snapshot().requestsLost).toBe(5 + 3);
  });

  it.each([
    ['SIGKILL', 4],
    [null, 0],
  ])(
    'counts what was open in one that drains by itself and ends by %s as %i lost, and starts one in its place',
    async (signal, lost) => {
      const { fleet, clock, workers } = await begun();
      workers[0]?.says({ kind: 'leaving' });
      await clock.advance(2_000);
      workers[0]?.dies(signal, 4);
      await clock.advance(2_000);
      expect(fleet.snapshot().requestsLost).toBe(lost);
      expect(workers).toHaveLength(3);
    },
  );

  it('keeps nothing of those that have died', async () => {
    const { fleet, clock, workers, kept } = await begun();
    const deaths = 50;
    for (let i = 0; i < deaths; i++) {
      await fleet.reports();
      await clock.advance(2_000);
      workers.splice(i % 2, 1)[0]?.dies();
      await clock.advance(1);
    }
    kept.length = 0;
    expect(fleet.snapshot().each.reduce((sum, { restarts }) => sum + restarts, 0)).toBe(deaths);
    expect(queryObjects(Member, { format: 'count' })).toBe(2);
  });

  it('sets another admin password by the first one only', async () => {
    const { fleet, clock, workers } = await begun();
    const next = { ...settings(), auth: { ...settings().auth, adminPassword: 'Another-1' } };
    workers[0]?.dies(); // It did not hear of it.
    await fleet.apply(next);
    await clock.advance(2_000);
    expect(workers[2]?.start.place.admin).toBe('keep');
  });

  it('has all take a configuration, or none', async () => {
    const { fleet, workers, stage } = await begun();
    stage.play = (message, worker) => {
      const objection = worker.start.worker === 2 ? { setting: 'bodies.folder', problem: 'no' } : null;
      if (message.kind === 'prepare') worker.says({ kind: 'prepared', id: message.id, objection });
      else well(message, worker);
    };
    await expect(fleet.apply(settings('limits: {messages: {rate: 7}}'))).rejects.toThrow(/^bodies\.folder/);
    expect(workers.map((worker) => [worker.heardOf('commit'), worker.heardOf('discard')])).toEqual([
      [0, 1],
      [0, 1],
    ]);
    stage.play = well;
    await fleet.apply(settings('limits: {messages: {rate: 8}}'));
    expect(workers.map((worker) => worker.heardOf('commit'))).toEqual([1, 1]);
  });

  it('refuses a configuration that one does not answer, and takes no notice of one that has died', async () => {
    const { fleet, clock, stage } = await begun();
    stage.play = (message, worker) => {
      if (worker.start.worker === 1 || message.kind === 'close') well(message, worker);
    };
    const refused = expect(fleet.apply(settings())).rejects.toThrow(/worker 2 did not answer within 10000 ms/);
    await clock.advance(10_000);
    await refused;
    stage.play = (message, worker) => {
      if (worker.start.worker === 2 && message.kind === 'prepare') worker.dies();
      else well(message, worker);
    };
    await fleet.apply(settings());
  });

  it('gives what is in force to one that was started meanwhile', async () => {
    const { fleet, clock, workers, stage } = await begun();
    await clock.advance(5_000);
    stage.play = (message, worker) => {
      if (message.kind === 'prepare' && worker === workers[0]) {
        workers[1]?.dies();
        void clock.advance(1).then(() => worker.says({ kind: 'prepared', id: message.id, objection: null }));
      } else if (message.kind !== 'prepare' || worker !== workers[1]) well(message, worker);
    };
    await fleet.apply(settings('limits: {messages: {rate: 7}}'));
    expect(workers[2]?.start.config.limits['messages']?.rate).toBe(50);
    expect(workers[2]?.heard.map(({ kind }) => kind)).toEqual(['start', 'prepare', 'commit']);
    stage.play = well;
  });

  it('kills one that says nothing for half a minute', async () => {
    const { clock, workers } = await begun();
    const alive = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        await clock.advance(1_000);
        for (const worker of workers.slice(1)) worker.says({ kind: 'report', id: null, report: reportOf(0) });
      }
    };
    await alive(30_000);
    expect(workers).toHaveLength(2);
    await alive(10_000);
    expect(workers.map(({ start }) => start.worker)).toEqual([1, 2, 1]);
  });

  it('has another one take the place of one with a bug while that drains', async () => {
    const { fleet, clock, workers, kept } = await begun();
    await fleet.reports();
    workers[1]?.says({ kind: 'leaving' });
    await clock.advance(1_000);
    expect(workers.map(({ start }) => start.worker)).toEqual([1, 2, 2]);
    workers[1]?.dies(null);
    expect(kept).toHaveLength(1);
    expect(fleet.snapshot()).toMatchObject({ requestsLost: 0, each: [{ restarts: 0 }, { restarts: 1 }] });
  });

  it('drains together, starts none meanwhile, and kills what stays beyond the grace time', async () => {
    const { fleet, clock, workers, stage, events } = await begun();
    stage.play = () => {};
    fleet.lameDuck();
    workers[0]?.dies('SIGKILL', 5);
    const closed = fleet.close(1_000);
    expect(workers[1]?.heardOf('close')).toBe(1);
    await clock.advance(10_000);
    await closed;
    expect(workers).toHaveLength(2);
    expect(events.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'a worker has died', fields: { worker: 1, signal: 'SIGKILL', requestsLost: 5 } },
      { message: 'a worker does not stop and is killed', fields: { worker: 2 } },
      { message: 'a worker has died', fields: { worker: 2, signal: 'SIGKILL' } },
    ]);
    expect(fleet.snapshot().requestsLost).toBe(5);
  });

  it('that stops in order says nothing of deaths', async () => {
    const { fleet, events } = await begun();
    await fleet.close(1_000);
    expect(events.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('Operators of a fleet', () => {
  const order = { kind: 'pauseClass', class: 'messages' } as const;
  const view: SteeringView = { reach: 'fleet', inForce: [{ order, leftMs: 1_000 }] };
  const words: Word[] = [{ order, at: 1, until: 1_001, lifted: false }];
  const caller = (requests: number, turnInMs: number | null): CallerView => ({
    class: 'messages',
    place: 1,
    caller: 'user:a',
    requests,
    share: 1,
    oldestMs: requests,
    turnInMs,
    turnByMs: turnInMs,
  });

  /** Workers that answer what is asked by its name; undefined: not at all. */
  const answering =
    (answer: (name: QuestionName, worker: PlayedWorker) => unknown): Play =>
    (message, worker) => {
      if (message.kind !== 'ask') return well(message, worker);
      const said = answer(message.name, worker);
      if (said !== undefined) worker.says({ kind: 'told', id: message.id, said });
    };
  const asked = (worker: PlayedWorker | undefined): string[] =>
    (worker?.heard ?? []).flatMap((message) => (message.kind === 'ask' ? message.name : []));

  it('give an order to one, and all have it, with no Redis between them', async () => {
    const { operating, clock, workers } = await begun(
      answering((name) => (name === 'words' ? words : name === 'hear' ? true : view)),
    );
    expect(await operating.give(order, 1_000, '::1', null)).toEqual(view);
    expect(workers.map(asked)).toEqual([['give', 'words'], ['hear']]);
    expect(workers[1]?.heard).toContainEqual(expect.objectContaining({ name: 'hear', args: [words] }));
    workers[0]?.dies();
    await clock.advance(1_000);
    await until(() => asked(workers[2]).length > 0, { what: 'what the newcomer hears' });
    expect(asked(workers[2])).toEqual(['hear']);
  });

  it('hear it where the one that was asked does not answer', async () => {
    const { fleet, operating, clock } = await begun(answering(() => undefined));
    const given = expect(operating.give(order, 1_000, '::1', null)).rejects.toThrow('has not answered within 3000 ms');
    await clock.advance(3_000);
    await given;
    await fleet.close(1_000);
    await expect(operating.lift(order, '::1')).rejects.toThrow('no worker serves');
    expect(await operating.inForce()).toEqual({ reach: 'fleet', inForce: [] });
  });

  it('see a caller once whose requests wait in several, and those of the workers that answer', async () => {
    const views = [caller(3, 40), caller(4, 20)].map((one) => ({ callers: [one], more: 0 }));
    const { operating, workers, clock, stage } = await begun(answering((_, worker) => views[worker.start.worker - 1]));
    expect(await operating.callers('messages', 10)).toEqual({
      callers: [{ ...caller(4, 20), requests: 7 }],
      more: 0,
    });
    expect(await operating.callers('messages', 0)).toEqual({ callers: [], more: 1 });
    stage.play = answering((_, worker) => (worker === workers[0] ? views[0] : undefined));
    const seen = operating.callers('messages', 10);
    await clock.advance(3_000);
    expect(await seen).toEqual(views[0]);
  });

  it('look for a request in the other replicas where none of the workers has it', async () => {
    const search = { found: { id: 'far', replica: 'another' }, complete: true };
    const { operating, workers } = await begun(
      answering((name) => (name === 'waitHere' ? null : name === 'wait' ? search : undefined)),
    );
    expect(await operating.wait('far')).toEqual(search);
    expect(workers.map(asked)).toEqual([['waitHere', 'wait'], ['waitHere']]);
  });

  it('end a request where it has waited longest, and all of a caller everywhere', async () => {
    const { operating, workers } = await begun(
      answering((name, worker) => {
        if (name === 'waitHere') return { waitedMs: worker.start.worker };
        return name === 'onceHere' ? 5 : { requests: 1, reach: 'replica' };
      }),
    );
    await operating.once({ kind: 'endRequest', request: 'r' }, '::1');
    expect(workers.map(asked)).toEqual([['waitHere'], ['waitHere', 'once']]);
    await operating.once({ kind: 'endCaller', caller: 'user:a' }, '::1');
    expect(workers[0]?.heard.at(-1)).toMatchObject({
      name: 'once',
      args: [{ kind: 'endCaller', caller: 'user:a' }, '::1', 5],
    });
  });
});
