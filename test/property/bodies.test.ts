/** Bodies in whatever order: they come whole, in pieces, too slowly or not at all, and their requests end in every way. */

import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Admit } from '../../src/admission/admit.ts';
import { BodyAllocation } from '../../src/bodies/body-allocation.ts';
import { BodyBudget } from '../../src/bodies/body-budget.ts';
import { DiskBudget } from '../../src/bodies/disk.ts';
import { ownBounds } from '../../src/bodies/own-bounds.ts';
import { type Allocation, type BodyRead, bufferOf, isInMemory } from '../../src/exchange/bodies.ts';
import { identified, routed } from '../../src/exchange/exchange.ts';
import { gone } from '../../src/exchange/outcome.ts';
import { createReceive } from '../../src/exchange/receive.ts';
import { refuse } from '../../src/exchange/refusals.ts';
import { ownFields } from '../../src/http/own-fields.ts';
import { errorEnvelope, page } from '../../src/profiles/coreapp/envelope.ts';
import { createGateway, type Stages } from '../../src/proxy.ts';
import { OpenRequests } from '../../src/wire/open-requests.ts';
import { OwnTurns } from '../../src/wire/own-turns.ts';
import { ArrivingBody } from '../../src/wire/server/body.ts';
import { Reading } from '../../src/wire/server/reading.ts';
import { deafMeter, WaitingDownstream } from '../support/fleet.ts';
import { Lines } from '../support/lines.ts';
import { routeOf } from '../support/routes.ts';
import { contentOf, type DiskScript, ScriptedDisk } from '../support/scripted-disk.ts';
import { silentLog } from '../support/silent-log.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const lineMaxBytes = 1_000;
const callerMaxBytes = 700;
const bodyMaxBytes = 500;
const memoryMaxBytes = 150;
const diskMaxBytes = 1_200;
const filesMax = 4;
const callerFilesMax = 3;
const scripted = new Error('as scripted');

interface Upload {
  readonly afterMs: number;
  readonly user: string;
  readonly path: '/v1/messages' | '/v1/contacts' | '/v1/users/login';
  readonly announced: boolean;
  readonly chunks: readonly { readonly afterMs: number; readonly bytes: number }[];
  readonly stops: boolean;
  readonly hangUpAfterMs: number | null;
  /** How each attempt at the Coreapp ends, and how long it takes; the ones after are answered. */
  readonly attempts: readonly { readonly takesMs: number; readonly end: 'replay' | 'refusal' | 'bug' }[];
}

const uploads: fc.Arbitrary<Upload[]> = fc.array(
  fc.record({
    afterMs: fc.nat(40),
    user: fc.constantFrom<Upload['user'][]>('ann', 'ann', 'ben', 'eve'),
    path: fc.constantFrom<Upload['path'][]>('/v1/messages', '/v1/messages', '/v1/contacts', '/v1/users/login'),
    announced: fc.boolean(),
    chunks: fc.array(fc.record({ afterMs: fc.nat(30), bytes: fc.nat(200) }), { maxLength: 4 }),
    stops: fc.boolean(),
    hangUpAfterMs: fc.option(fc.nat(300), { freq: 3 }),
    attempts: fc.array(
      fc.record({
        takesMs: fc.nat(100),
        end: fc.constantFrom<Upload['attempts'][number]['end'][]>('replay', 'refusal', 'bug'),
      }),
      { maxLength: 3 },
    ),
  }),
  { minLength: 1, maxLength: 40, size: 'max' },
);

const disks: fc.Arbitrary<DiskScript> = fc.record({
  callMs: fc.nat(20),
  fullAfterBytes: fc.array(fc.option(fc.nat(400)), { maxLength: 20 }),
});

/** A caller who uploads, and what Weir has of it. */
class Uploader extends WaitingDownstream {
  override readonly bodyBytes: number | null;
  readonly upload: Upload;
  readonly whole: Buffer;
  readonly #clock: VirtualClock;
  /** What was read of the body. */
  bytes = 0;

  constructor(upload: Upload, clock: VirtualClock) {
    super();
    this.upload = upload;
    this.#clock = clock;
    const bytes = upload.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
    this.whole = Buffer.alloc(bytes, `${bytes} bytes, `);
    this.bodyBytes = upload.announced ? bytes : null;
  }

  override read(maxBytes: number, allocation: Allocation): BodyRead | Promise<BodyRead> {
    if (this.bodyBytes !== null && this.bodyBytes > maxBytes) return { kind: 'tooLarge' };
    const arriving = ArrivingBody.expect(this.bodyBytes, maxBytes, allocation);
    if (arriving === null) return { kind: 'noRoom' };
    return new Promise((resolve) => {
      const request = new Readable({ read() {} });
      let idle = (): void => {};
      const watch = (call: () => void) => {
        idle = call;
        return { moved() {}, done() {} };
      };
      const reading = new Reading(request, arriving, { watch }, (read) => {
        this.onGone(null);
        resolve(read);
      });
      this.onGone({ callerGone: () => reading.end({ kind: 'gone' }) });
      request.on('data', (chunk: Buffer) => {
        reading.take(chunk);
        this.bytes += chunk.length;
      });
      request.on('end', () => reading.finish());
      void this.#send(request, () => idle());
    });
  }

  async #send(request: Readable, idle: () => void): Promise<void> {
    let at = 0;
    for (const { afterMs, bytes } of this.upload.chunks) {
      await new Promise<void>((resolve) => void this.#clock.after(afterMs, resolve));
      if (this.gone) return;
      request.push(this.whole.subarray(at, at + bytes));
      at += bytes;
    }
    if (this.upload.stops) idle();
    else request.push(null);
  }
}

/** Forwards as the uploads' scripts say. */
function stagesOf(clock: VirtualClock, admit: Admit): Stages {
  return {
    receive: createReceive({ clock, newId: () => 'id', own: ownFields(), guardedPath: null, trusts: () => false }),
    route: (exchange) => routed(exchange, routeOf(exchange.path)),
    authenticate: (exchange) =>
      identified(exchange, { kind: 'user', name: exchange.fields.at(-1) ?? '', role: 'ROLE_USER' }),
    admit,
    async forward(exchange, downstream) {
      const { upload, whole } = downstream as Uploader;
      const attempt = upload.attempts[exchange.counters.attempts++];
      const { body } = exchange;
      const sent = body === null ? null : isInMemory(body) ? bufferOf(body) : await contentOf(body);
      expect(sent?.equals(whole) ?? whole.length === 0).toBe(true);
      await new Promise<void>((resolve) => void clock.after(attempt?.takesMs ?? 10, resolve));
      exchange.permit.end('answered');
      if (downstream.gone) return gone;
      switch (attempt?.end) {
        case 'replay':
          return { kind: 'replay', reason: 'throttled', pauseMs: 0, otherwise: null };
        case 'refusal':
          return refuse('broken');
        case 'bug':
          throw scripted;
        case undefined:
          return { kind: 'passed', status: 200, cut: null };
      }
    },
    own: { answer: async () => page(200, {}) },
  };
}

interface SceneOptions {
  readonly memoryMaxBytes?: number;
  readonly script?: DiskScript;
}

function scene({ memoryMaxBytes: inMemory = memoryMaxBytes, script }: SceneOptions = {}) {
  const limits = { rate: 20, burst: 2, holdMaxMs: 500, lineMaxRequests: 4, lineMaxBytes, callerMaxBytes, bodyMaxBytes };
  const lines = new Lines({ limits: { messages: limits, contacts: limits } });
  const { clock, admit } = lines;
  const drive = new ScriptedDisk(clock, script);
  const disk = new DiskBudget({ memoryMaxBytes: inMemory, diskMaxBytes, filesMax, callerFilesMax }, drive.create);
  const errors: unknown[] = [];
  const uploaders: Uploader[] = [];
  const gateway = createGateway(stagesOf(clock, admit), {
    ownBodies: ownBounds(clock),
    openRequests: new OpenRequests({ max: 10_000, perAddressMax: null }),
    ownTurns: new OwnTurns(setImmediate),
    disk,
    clock,
    limits: {},
    meter: deafMeter,
    log: { ...silentLog, error: (_, fields) => void errors.push(fields?.error) },
    times: { serverTiming: true, holdField: false },
    audit: () => {},
    refusalBody: errorEnvelope,
  });
  const inUse = (name: 'messages' | 'contacts') => admit.gates(name).bodies.inUse;
  return {
    clock,
    errors,
    uploaders,
    inUse,
    onDisk: (name: 'messages' | 'contacts') => admit.gates(name).bodies.onDisk,
    disk,
    drive,
    /** Resolves when the request has ended. */
    send: (upload: Upload): Promise<void> => {
      const downstream = new Uploader(upload, clock);
      uploaders.push(downstream);
      if (upload.hangUpAfterMs !== null) clock.after(upload.hangUpAfterMs, () => downstream.hangUp());
      const fields = ['Host', 'weir', 'X-User', upload.user];
      const head = { method: 'POST', target: upload.path, version: '1.1', fields };
      return new Promise((ended) => gateway({ ...head, peer: '127.0.0.1', secure: false }, downstream, ended));
    },
  };
}

describe('Whatever becomes of bodies', () => {
  test('they never take more than their bounds, they are counted as long as they are kept, and all is given back', async () => {
    let files = 0;
    await fc.assert(
      fc.asyncProperty(uploads, disks, async (list, script) => {
        const { clock, errors, inUse, onDisk, disk, drive, uploaders, send } = scene({ script });
        const inside = new Set<Uploader>();
        const bytesOf = (name: string, user?: string): number =>
          [...inside]
            .filter(({ upload }) => upload.path === `/v1/${name}` && (user === undefined || upload.user === user))
            .reduce((sum, { bytes }) => sum + bytes, 0);
        const filesOf = (user: string): number =>
          [...inside].filter(({ upload, bytes }) => upload.user === user && bytes > memoryMaxBytes).length;
        const check = (): void => {
          const { files, bytes } = disk.snapshot();
          const kept: Record<string, boolean> = {
            files: files === drive.open.size && files <= filesMax,
            disk: drive.bytes <= bytes && bytes <= diskMaxBytes,
          };
          for (const name of ['messages', 'contacts'] as const) {
            kept[name] = bytesOf(name) <= inUse(name) && inUse(name) <= lineMaxBytes && onDisk(name) <= inUse(name);
            for (const user of ['ann', 'ben', 'eve'])
              kept[`${name} of ${user}`] = bytesOf(name, user) <= callerMaxBytes;
          }
          for (const user of ['ann', 'ben', 'eve']) kept[`files of ${user}`] = filesOf(user) <= callerFilesMax;
          expect(Object.keys(kept).filter((bound) => !kept[bound])).toEqual([]);
        };
        for (const upload of list) {
          await clock.advance(upload.afterMs);
          const ended = send(upload);
          const downstream = uploaders.at(-1) as Uploader;
          inside.add(downstream);
          void ended.then(() => inside.delete(downstream));
          await clock.settle();
          check();
        }
        for (let i = 0; i < 30; i++) {
          await clock.advance(100);
          check();
        }
        expect(inside.size).toBe(0);
        expect([inUse('messages'), inUse('contacts'), onDisk('messages'), onDisk('contacts')]).toEqual([0, 0, 0, 0]);
        expect(disk.snapshot()).toMatchObject({ files: 0, bytes: 0 });
        expect(errors.filter((error) => error !== scripted)).toEqual([]);
        files += drive.opened;
      }),
      { numRuns: 200 },
    );
    expect(files).toBeGreaterThan(200);
  });

  test('strangers who send bodies to the login fill its own budget, and no class’s', async () => {
    const { clock, inUse, uploaders, send } = scene({ memoryMaxBytes: 16_384 });
    const pages: number[] = [];
    const chunks = [
      { afterMs: 10, bytes: 16_383 },
      { afterMs: 10, bytes: 1 },
    ];
    const announcing = { afterMs: 0, announced: true, chunks, attempts: [] };
    const login = { ...announcing, path: '/v1/users/login', user: 'ann', stops: false, hangUpAfterMs: null } as const;
    // Each a caller of its own, since one may have half of the budget only.
    const ends = Array.from({ length: 4_097 }, (_, index) => {
      const ended = send({ ...login, user: `ann ${index}` });
      const downstream = uploaders.at(-1) as Uploader;
      downstream.page = (status: number) => void pages.push(status);
      return ended;
    });
    await clock.settle();
    expect(pages).toEqual([]);
    await clock.advance(10);
    expect(pages).toEqual([503]);
    expect(inUse('messages')).toBe(0);
    await clock.advance(10);
    await Promise.all(ends);
    expect(pages.filter((status) => status === 200)).toHaveLength(4_096);
    const ended = send(login);
    (uploaders.at(-1) as Uploader).page = (status: number) => void pages.push(status);
    await clock.advance(20);
    await ended;
    expect(pages.at(-1)).toBe(200);
  });
});

const userOf = (name: string) => ({ kind: 'user', name, role: 'ROLE_USER' }) as const;
const [ann, ben] = [userOf('ann'), userOf('ben')];

/** Bodies stay in memory, up to so many bytes each. */
const noDisk = (memoryMaxBytes: number) =>
  new DiskBudget({ memoryMaxBytes, diskMaxBytes: 0, filesMax: 1, callerFilesMax: 1 }, () => {
    throw new Error('There is no disk.');
  });

/** A budget and an allocation for one body, and the disk that it may go to. */
function setUp(
  maxBytes: number,
  bounds: Partial<ConstructorParameters<typeof DiskBudget>[0]> = {},
  script?: DiskScript,
) {
  const clock = new VirtualClock();
  const drive = new ScriptedDisk(clock, script);
  const disk = new DiskBudget(
    { memoryMaxBytes: 1_000, diskMaxBytes: 4_000, filesMax: 1, callerFilesMax: 1, ...bounds },
    drive.create,
  );
  const budget = budgetOf(maxBytes, maxBytes, () => clock.now());
  return { clock, drive, disk, budget, allocation: new BodyAllocation(budget, ann, disk) };
}

/** Bodies in it may be as large as one caller's share. */
function budgetOf(lineMaxBytes: number, callerMaxBytes: number, now = () => 0, bodyMaxBytes = callerMaxBytes) {
  return new BodyBudget({ lineMaxBytes, callerMaxBytes, bodyMaxBytes }, now);
}

describe('A body that comes in pieces', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 });

  test('is what was sent, and takes what was allocated: at most twice its size', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, fc.nat(2_000), fc.nat(2_000), fc.boolean(), async (chunks, max, inMemory, announced) => {
        const whole = Buffer.concat(chunks);
        const bounds = { memoryMaxBytes: inMemory, diskMaxBytes: 9_000 };
        const { clock, drive, disk, budget, allocation } = setUp(9_000, bounds);
        const settled = async <T>(value: T | Promise<T>): Promise<T> => {
          if (value instanceof Promise) await clock.advance(0);
          return await value;
        };
        const arriving = ArrivingBody.expect(announced ? whole.length : null, max, allocation) as ArrivingBody;
        const faults: unknown[] = [];
        for (const chunk of chunks) {
          const fault = await settled(arriving.take(Buffer.from(chunk)));
          if (fault !== null) faults.push(fault);
        }
        expect(budget.inUse).toBeLessThanOrEqual(announced ? whole.length : Math.min(max, 2 * whole.length));
        if (!announced && whole.length > max) {
          expect(faults[0]).toBe('tooLarge');
        } else {
          expect(faults).toEqual([]);
          const read = await settled(arriving.end());
          const body = read.kind === 'body' ? read.body : null;
          const inFile = body !== null && !isInMemory(body);
          expect(inFile).toBe(whole.length > inMemory);
          const reading = body === null ? null : isInMemory(body) ? bufferOf(body) : contentOf(body);
          await clock.advance(0);
          expect((await reading)?.equals(whole) ?? whole.length === 0).toBe(true);
          expect(budget.inUse).toBeGreaterThanOrEqual(whole.length);
          expect(disk.snapshot().bytes).toBe(inFile ? whole.length : 0);
        }
        allocation.release();
        allocation.release();
        await clock.advance(0);
        expect([budget.inUse, budget.onDisk, disk.snapshot().bytes, drive.open.size]).toEqual([0, 0, 0, 0]);
      }),
    );
  });

  test('is refused as soon as there is no room for the next piece', () => {
    const { allocation } = setUp(100);
    const arriving = ArrivingBody.expect(null, 1_000, allocation) as ArrivingBody;
    expect([40, 40, 40].map((bytes) => arriving.take(Buffer.alloc(bytes)))).toEqual([null, null, 'noRoom']);
  });

  test('is refused as well where the disk has no room for it, or for another file', () => {
    const small = setUp(9_000, { diskMaxBytes: 1_500 });
    expect(ArrivingBody.expect(1_501, 9_000, small.allocation)).toBeNull();
    expect(small.allocation.lack).toBe('disk');
    const one = setUp(9_000);
    const both = [one.allocation, new BodyAllocation(one.budget, ben, one.disk)].map((allocation) =>
      ArrivingBody.expect(1_001, 9_000, allocation),
    );
    expect(one.drive.opened).toBe(0);
    expect(both.map((body) => body?.take(Buffer.alloc(1_000)))).toEqual([null, null]);
    expect(both[0]?.take(Buffer.alloc(1))).toBeInstanceOf(Promise);
    expect(both[1]?.take(Buffer.alloc(1))).toBe('noRoom');
    expect(ArrivingBody.expect(1_001, 9_000, new BodyAllocation(one.budget, ben, one.disk))).toBeNull();
    expect(one.drive.opened).toBe(1);
  });

  test('is refused where the caller has as many files as one may have; others are not, and neither is it later', async () => {
    const { clock, budget, disk } = setUp(9_000, { diskMaxBytes: 9_000, filesMax: 4, callerFilesMax: 2 });
    const begin = (who: typeof ann | typeof ben) => {
      const allocation = new BodyAllocation(budget, who, disk);
      const fault = ArrivingBody.expect(1_001, 9_000, allocation)?.take(Buffer.alloc(1_001));
      return { allocation, begun: fault instanceof Promise };
    };
    const [first, second, third] = [begin(ann), begin(ann), begin(ann)];
    expect([first.begun, second.begun, third.begun, third.allocation.lack]).toEqual([true, true, false, 'callerDisk']);
    const [ofBen, oneTooMany] = [begin(ben), begin(ben)];
    expect([ofBen.begun, oneTooMany.begun, oneTooMany.allocation.lack]).toEqual([true, false, 'callerDisk']);
    for (const { allocation } of [first, second]) allocation.release();
    await clock.advance(0);
    expect(begin(ann).begun).toBe(true);
  });

  test('is given up where the disk breaks under it, and what was written is gone', async () => {
    const { clock, drive, allocation } = setUp(9_000, {}, { callMs: 1, fullAfterBytes: [1_000] });
    const arriving = ArrivingBody.expect(2_000, 9_000, allocation) as ArrivingBody;
    expect(arriving.take(Buffer.alloc(900))).toBeNull();
    const second = arriving.take(Buffer.alloc(900));
    await clock.advance(1);
    expect(await second).toBeNull();
    const last = arriving.take(Buffer.alloc(200));
    await clock.advance(1);
    expect(await last).toBe('notKept');
    allocation.release();
    await clock.advance(1);
    expect(drive.open.size).toBe(0);
  });
});

describe('A budget of bytes', () => {
  const disk = noDisk(1_000);

  test('gives what is left and no byte more', () => {
    const budget = budgetOf(100, 100);
    const allocation = new BodyAllocation(budget, ann, disk);
    expect([60, 41, 40, 1, 0].map((bytes) => allocation.tryTake(bytes))).toEqual([true, false, true, false, true]);
    expect(allocation.lack).toBe('class');
    const caller = budget.callerOf('user:ann');
    expect(() => budget.give(caller, 101)).toThrow(/nobody had/);
    allocation.release();
    expect(budget.inUse).toBe(0);
  });

  test('leaves room for others, however much callers ask for: each has a part of what those before it left', () => {
    const budget = budgetOf(6_400, 3_200, () => 0, 10);
    const takes = Array.from({ length: 8 }, (_, i) => {
      let bytes = 0;
      while (new BodyAllocation(budget, userOf(`user ${i}`), disk).tryTake(10)) bytes += 10;
      return bytes;
    });
    expect(takes).toEqual([3_200, 1_600, 800, 400, 200, 100, 50, 20]);
    expect(new BodyAllocation(budget, ben, disk).tryTake(10)).toBe(true);
  });

  test('leaves a caller room for one body, whatever its share has become', () => {
    const budget = budgetOf(100, 60);
    const [first, second, other] = [ann, ann, ben].map((who) => new BodyAllocation(budget, who, disk)) as [
      BodyAllocation,
      BodyAllocation,
      BodyAllocation,
    ];
    expect(first.tryTake(40)).toBe(true);
    expect(second.tryTake(21)).toBe(false);
    expect(second.lack).toBe('caller');
    expect(other.tryTake(60)).toBe(true);
    first.release();
    expect(second.tryTake(40)).toBe(true);
  });

  test('keeps a sixteenth for small bodies, which large ones can’t take', () => {
    const kib = 1_024;
    const budget = budgetOf(1_600 * kib, 1_600 * kib, () => 0, 100 * kib);
    const take = (bytes: number) => {
      const allocation = new BodyAllocation(budget, ann, disk);
      return allocation.tryTake(bytes) ? allocation : allocation.lack;
    };
    const large = Array.from({ length: 15 }, () => take(100 * kib) as BodyAllocation);
    expect(take(16 * kib + 1)).toBe('reserve');
    const growing = take(16 * kib) as BodyAllocation;
    expect([growing.tryTake(1), growing.lack]).toEqual([false, 'reserve']);
    const small = Array.from({ length: 5 }, () => take(16 * kib) as BodyAllocation);
    expect(take(16 * kib)).toBe('class');
    for (const allocation of [large[0], ...small]) allocation?.release();
    expect(growing.tryTake(1)).toBe(true);
    growing.release();
    expect(take(100 * kib)).toBeInstanceOf(BodyAllocation);
  });

  test('never keeps so much for small bodies that the largest had no room', () => {
    const budget = budgetOf(50_000, 50_000);
    expect(new BodyAllocation(budget, ann, disk).tryTake(50_000)).toBe(true);
  });

  test('counts what unfinished bodies take, whichever give way, and only slow ones of callers that have more do', () => {
    const act = fc.record({
      what: fc.constantFrom('announce', 'announce', 'bring', 'bring', 'bring', 'bring', 'wait', 'end'),
      user: fc.constantFrom(0, 0, 0, 1, 2, 3),
      which: fc.nat(20),
      bytes: fc.nat(200),
    });
    let gaveWay = 0;
    fc.assert(
      fc.property(fc.array(act, { maxLength: 150, size: 'max' }), (acts) => {
        let now = 0;
        const budget = budgetOf(1_000, 700, () => now, 200);
        const roomy = noDisk(500);
        const live: { readonly user: number; readonly allocation: BodyAllocation; readonly body: ArrivingBody }[] = [];
        const bytesOf = (user: number) => budget.callerOf(`user:${user}`).bytes;
        const end = (index: number) => live.splice(index, 1)[0]?.allocation.release();
        for (const { what, user, which, bytes } of acts) {
          if (what === 'announce') {
            const allocation = new BodyAllocation(budget, userOf(`${user}`), roomy);
            const body = ArrivingBody.expect(null, 200, allocation);
            if (body === null) continue;
            const one = { user, allocation, body };
            body.coming(() => {
              gaveWay += 1;
              expect([allocation.bytes, allocation.lack]).toEqual([0, 'slow']);
              live.splice(live.indexOf(one), 1);
            });
            live.push(one);
          } else if (what === 'wait') now += bytes * 10;
          else if (which < live.length && what === 'end') end(which);
          else if (which < live.length) {
            const one = live[which] as (typeof live)[number];
            if (one.body.take(Buffer.alloc(bytes)) !== null) end(live.indexOf(one));
          }
          expect(budget.inUse).toBe(live.reduce((sum, { allocation }) => sum + allocation.bytes, 0));
          expect(budget.inUse).toBeLessThanOrEqual(1_000);
          for (let i = 0; i < 4; i++) expect(bytesOf(i)).toBeLessThanOrEqual(700);
        }
        while (live.length > 0) end(0);
        expect(budget.inUse).toBe(0);
      }),
      { numRuns: 500 },
    );
    expect(gaveWay).toBeGreaterThan(50);
  });

  test('forgets callers who have nothing, and never one who has something', () => {
    const budget = budgetOf(10_000, 10);
    const kept = new BodyAllocation(budget, ann, disk);
    const early = new BodyAllocation(budget, ben, disk);
    expect(kept.tryTake(6)).toBe(true);
    expect(early.tryTake(0)).toBe(true);
    for (let i = 0; i < 5_000; i++) {
      const allocation = new BodyAllocation(budget, userOf(`user ${i}`), disk);
      expect(allocation.tryTake(1)).toBe(true);
      allocation.release();
    }
    expect(budget.callers).toBeLessThanOrEqual(1_100);
    expect(new BodyAllocation(budget, ann, disk).tryTake(5)).toBe(false);
    expect(early.tryTake(6)).toBe(true);
    expect(new BodyAllocation(budget, ben, disk).tryTake(5)).toBe(false);
  });
});
