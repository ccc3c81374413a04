/** Answers that come faster than they are taken: the Coreapp is done with them at once, and the caller misses nothing. */
import { readdirSync, readlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AnswerBudget } from '../../src/bodies/answers.ts';
import { DiskBudget } from '../../src/bodies/disk.ts';
import { Spool } from '../../src/bodies/spool.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { temporaryFolder } from '../support/files.ts';
import { chunkedBody, type RawCaller } from '../support/raw.ts';
import { ScriptedDisk } from '../support/scripted-disk.ts';
import { SlowDownstream } from '../support/slow-downstream.ts';
import { upstreamForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say } from '../support/upstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const mib = 2 ** 20;

const parent = temporaryFolder(afterAll);
const upstream = await upstreamForAll();
let app: TestApp;
beforeEach(async () => {
  app = await startTestApp(upstream.url, JSON.stringify({ bodies: { folder: parent } }));
});
afterEach(() => app[Symbol.asyncDispose]());

/** The descriptors of this process that lead into the folder. */
const openFiles = (): number =>
  readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(parent);
    } catch {
      return false; // The one that was used to look.
    }
  }).length;

const inFlight = async (): Promise<number> => (await app.status()).permits.reduce((sum, { inUse }) => sum + inUse, 0);

/** Until the Coreapp is done with the only answer: its permit is back. */
const untilRead = () =>
  until(async () => upstream.arrivals.length === 1 && (await inFlight()) === 0, { what: 'the permit' });

/** Bytes of which each piece is another one. */
const body = Buffer.from(Array.from({ length: mib }, (_, index) => (index * 7) % 251));
const bodyOf = (mebibytes: number): Buffer => Buffer.concat(Array.from({ length: mebibytes }, () => body));

/** More than the system's buffers for two connections take. */
const whole = bodyOf(12);
const head = `HTTP/1.1 200 OK\r\nContent-Length: ${whole.length}\r\n\r\n`;
const pour = (_: unknown, socket: Socket): void => {
  socket.write(head);
  socket.write(whole);
};

/** A caller that takes nothing yet, and all that it has taken later. */
async function slowCaller(path: string): Promise<{ readonly caller: RawCaller; readonly take: () => Promise<Buffer> }> {
  const caller = await app.call();
  const parts: Buffer[] = [];
  caller.socket.removeAllListeners('data').pause();
  let ended = false;
  caller.socket
    .on('data', (chunk: Buffer) => parts.push(chunk))
    .on('end', () => {
      ended = true;
    });
  caller.send(app.request(`GET ${path}`));
  return {
    caller,
    async take() {
      caller.socket.resume();
      await until(() => app.lines.some((line) => line.path === path), { what: `the log line of ${path}` });
      caller.send(app.request('GET /v1/health/last'));
      const last = (): boolean => parts.at(-1)?.toString().endsWith('the last answer') ?? false;
      await until(() => last() || ended, { what: 'all of the answer' });
      return Buffer.concat(parts);
    },
  };
}

const bodyIn = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf('\r\n\r\n') + 4);

const afterwards = (script: (_: unknown, socket: Socket) => void) =>
  upstream.play((arrival, socket) => {
    if (arrival.target === '/v1/health/last') say(answer(200, {}, 'the last answer'))(arrival, socket);
    else script(arrival, socket);
  });

describe('An answer that its caller takes slowly', () => {
  it('does not keep the Coreapp: its permit is back before a byte was taken, and all of it is there later', async () => {
    afterwards(pour);
    const callers = await Promise.all([1, 2, 3].map((id) => slowCaller(`/v1/media/${id}`)));
    await until(() => upstream.arrivals.length === 3, { what: 'all at the Coreapp' });
    await until(async () => (await inFlight()) === 0, { what: 'the permits to be back' });
    const { answers, disk } = await app.status();
    expect(answers.waiting).toBe(3);
    expect(answers.files).toBe(3);
    expect(answers.diskBytes).toBeGreaterThan(12 * mib);
    expect(disk).toMatchObject({ files: 3, bytes: answers.diskBytes });
    expect(app.lines).toEqual([]); // Nobody has its answer yet.
    for (const { caller, take } of callers) {
      const got = bodyIn(await take());
      expect(got.subarray(0, whole.length).equals(whole)).toBe(true);
      await caller[Symbol.asyncDispose]();
    }
    expect(app.lines.filter(({ path }) => path.startsWith('/v1/media/'))).toMatchObject(
      callers.map(() => ({ status: 200, cut: null, bytesOut: whole.length })),
    );
    // A file is closed a little after its last byte was taken.
    const isAllBack = async (): Promise<boolean> => {
      const { waiting, memoryBytes, files, diskBytes } = (await app.status()).answers;
      return waiting + memoryBytes + files + diskBytes === 0;
    };
    await until(isAllBack, { what: 'all of it to be given back' });
    await until(() => openFiles() === 0, { what: 'the files to be closed' });
  });

  it('keeps its chunks and trailers', async () => {
    const part = bodyOf(1);
    afterwards((_, socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n');
      for (let i = 0; i < 12; i++) {
        socket.write(`${part.length.toString(16)}\r\n`);
        socket.write(part);
        socket.write('\r\n');
      }
      socket.write('0\r\nX-Sum: 42\r\n\r\n');
    });
    const { take } = await slowCaller('/v1/media/1');
    await untilRead();
    const got = bodyIn(await take());
    const { body, trailers, end } = chunkedBody(got);
    expect([body.equals(whole), trailers]).toEqual([true, [['X-Sum', '42']]]);
    expect(got.toString('latin1', end ?? 0)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('that breaks off is not made whole, and what has come of it is the caller’s', async () => {
    afterwards((_, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${whole.length + 1}\r\n\r\n`);
      socket.end(whole);
    });
    const { take } = await slowCaller('/v1/media/1');
    await untilRead();
    expect(app.lines).toEqual([]);
    const got = bodyIn(await take());
    expect(got.equals(whole)).toBe(true);
    expect(app.lines[0]).toMatchObject({ status: 200, cut: 'coreappBroke', bytesOut: whole.length });
  });

  it('of a caller that hangs up leaves nothing behind', async () => {
    afterwards(pour);
    const { caller } = await slowCaller('/v1/media/1');
    await untilRead();
    expect((await app.status()).answers.waiting).toBe(1);
    caller.reset();
    await until(() => app.lines[0], { what: 'the log line' });
    expect(app.lines).toMatchObject([{ status: 499, cut: 'callerGone' }]);
    expect((await app.status()).answers).toMatchObject({ waiting: 0, memoryBytes: 0 });
    await until(() => openFiles() === 0, { what: 'the file to be closed' });
  });

  it('is served to its end while Weir stops', async () => {
    afterwards(pour);
    const { caller } = await slowCaller('/v1/media/1');
    await untilRead();
    let bytes = 0;
    caller.socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    const closed = app.close(60_000);
    caller.socket.resume();
    await closed;
    expect(await caller.closed()).toBe('end');
    expect(bytes).toBeGreaterThan(whole.length);
    expect(app.lines).toMatchObject([{ status: 200, cut: null, bytesOut: whole.length }]);
    expect(openFiles()).toBe(0);
  });
});

describe('More answers than Weir has room for', () => {
  it('that one caller takes nothing of do not keep another one waiting', async () => {
    const bodies = { folder: parent, answersMemoryMaxBytes: 0, answersDiskShareMax: 0 };
    await using narrow = await startTestApp(upstream.url, JSON.stringify({ bodies }));
    const other = await narrow.user('other');
    const hog = await narrow.user('greedy');
    const asks = (path: string, token: string): string =>
      `GET ${path} HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    upstream.play((arrival, socket) =>
      arrival.target === '/v1/media/small' ? say(answer(200, {}, 'ok'))(arrival, socket) : pour(arrival, socket),
    );
    const callers = await Promise.all(Array.from({ length: 20 }, () => narrow.call()));
    for (const caller of callers) caller.socket.removeAllListeners('data').pause();
    for (const caller of callers) caller.send(asks('/v1/media/large', hog));
    await until(() => upstream.arrivals.length >= 16, { what: 'sixteen at the Coreapp' });
    await using light = await narrow.call();
    for (let i = 0; i < 5; i++) {
      light.send(asks('/v1/media/small', other));
      expect(await light.answer('GET')).toMatchObject({ status: 200, text: 'ok' });
    }
    // None of the large ones has ended meanwhile.
    const { permits } = await narrow.status();
    expect(permits.find(({ class: name }) => name === 'media')?.inUse).toBeGreaterThanOrEqual(16);
    for (const caller of callers) await caller[Symbol.asyncDispose]();
  });
});

describe('A spool', () => {
  const bounds = { memoryMaxBytes: 1_000, answersMemoryMaxBytes: 4_000, answersCallerShareMax: 0.5 };

  function open(diskShare: number, drive = new ScriptedDisk(new VirtualClock())) {
    const disk = new DiskBudget(
      { memoryMaxBytes: 1_000, diskMaxBytes: 100_000, filesMax: 4, callerFilesMax: 4 },
      drive.create,
    );
    const budget = new AnswerBudget({ ...bounds, answersDiskShareMax: diskShare }, disk);
    const of = (caller: string) => {
      const downstream = new SlowDownstream(1);
      downstream.data(Buffer.from('x'));
      const told: string[] = [];
      const ends = {
        resume: () => void told.push('resume'),
        ended: (cut: string | null) => void told.push(`${cut}`),
        threw: (error: unknown) => void told.push(`a bug: ${error}`),
      };
      // biome-ignore lint/suspicious/noExplicitAny: of an exchange's account this is all that is used.
      return { downstream, told, spool: new Spool(downstream, caller, { bytesOut: 0 } as any, budget, ends) };
    };
    return { budget, of };
  }
  const chunk = Buffer.alloc(300, 'y');

  it('without a disk holds the Coreapp back once its memory is full, until the caller has taken', () => {
    const { downstream, spool, told } = open(0).of('a');
    expect([1, 2, 3].map(() => spool.add(chunk))).toEqual([true, true, false]);
    expect(told).toEqual([]);
    downstream.take();
    expect(told).toEqual(['resume']);
    spool.abandon();
  });

  it('of one caller that fills its share leaves room for those of others', () => {
    const { of, budget } = open(0);
    const greedy = Array.from({ length: 20 }, () => of('greedy'));
    let kept = 0;
    for (const { spool } of greedy) while (spool.add(chunk) && kept < 100) kept += 1;
    // Half of what others leave is all for one that is alone, and a chunk for each of its answers that is in flight.
    expect(budget.memory.fits('greedy', 1)).toBe(false);
    expect(greedy.filter(({ spool }) => spool.mayGoOn)).toEqual([]);
    for (const { spool } of greedy.slice(4)) spool.abandon();
    expect(of('other').spool.mayGoOn).toBe(true);
  });

  it('that the disk gives nothing back of is cut off, and says so', async () => {
    const clock = new VirtualClock();
    const drive = new ScriptedDisk(clock);
    const create = drive.create;
    const lost = Object.assign(drive, {
      create: () => Object.assign(create(), { read: () => Promise.reject(new Error('EIO')) }),
    });
    const { budget, of } = open(1, lost);
    const { downstream, spool, told } = of('a');
    for (let i = 0; i < 10; i++) spool.add(chunk);
    await clock.advance(1);
    expect(budget.snapshot().files).toBe(1);
    // The first chunk is in memory; what comes then is lost.
    downstream.take();
    downstream.take();
    await clock.advance(1);
    expect(downstream.ended).toBe('cut');
    expect(told).toContain('diskFailed');
    await clock.advance(1);
    expect(budget.snapshot()).toMatchObject({ waiting: 0, memoryBytes: 0, files: 0, diskBytes: 0 });
  });
});
