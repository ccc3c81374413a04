/**
 * Bodies that are too large for memory, on real sockets and a real disk: held in files, sent as often as needed, gone
 * at the end.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readlinkSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startTestApp } from '../support/app.ts';
import { temporaryFolder } from '../support/files.ts';
import type { RawCaller } from '../support/raw.ts';
import { startForAll } from '../support/start-for-all.ts';
import { driveIntervals } from '../support/still-timers.ts';
import { until } from '../support/until.ts';
import { answer, breakOff, inTurn, type Script, say, sayNothing } from '../support/upstream.ts';

const kib = 1_024;
const mib = 1_024 * kib;
const limits = {
  rate: 1000,
  burst: 1000,
  holdMaxMs: 600_000,
  lineMaxBytes: 16 * mib,
  callerMaxBytes: 16 * mib,
  bodyMaxBytes: 4 * mib,
};

const parent = temporaryFolder(afterAll);

const bodyIdleTimeoutMs = 600_000;
const yaml = JSON.stringify({
  limits: {
    default: limits,
    messages: { rate: 1000, burst: 1000 },
    contacts: { callerMaxBytes: 4 * mib },
    media: { bodyMaxBytes: 4 * mib },
  },
  bodies: { folder: parent, memoryMaxBytes: 16 * kib, diskMaxBytes: 10 * mib, filesMax: 3 },
  http: { bodyIdleTimeoutMs, bodyMinBytesPerS: 100 },
  coreapp: { honoursIdempotencyKey: ['contacts'], permitsMin: 10 },
});

const { upstream, app } = await startForAll(yaml);
beforeEach(() => upstream.play(say(answer(200, {}, 'ok'))));

/** The descriptors of this process that lead into the folder: names are gone by the time there is a body in it. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd')
    .map((fd) => `/proc/self/fd/${fd}`)
    .filter((fd) => {
      try {
        return readlinkSync(fd).startsWith(parent);
      } catch {
        return false; // The one that was used to look.
      }
    });
}

const names = (): string[] => readdirSync(parent, { recursive: true, encoding: 'utf8' });

async function status(of = app) {
  const { lines, disk } = await of.status();
  const { bytes, bytesOnDisk } = lines.find((line) => line.class === 'messages') ?? { bytes: -1, bytesOnDisk: -1 };
  return { bytes, bytesOnDisk, disk };
}

/** Whatever came before, nothing is left of it; a test whose caller is still there looks for itself before that goes. */
const nothingIsLeft = (of = app) =>
  until(
    async () => {
      const { bytes, bytesOnDisk, disk } = await status(of);
      expect([bytes, bytesOnDisk, disk.files, disk.bytes, openFiles()]).toEqual([0, 0, 0, 0, []]);
      expect(names()).toEqual([`weir-${process.getuid?.()}`]);
      return true;
    },
    { what: 'everything to be given back' },
  );
afterEach(() => nothingIsLeft());

const notKept = { status: 503, json: { errors: [{ code: 1016, details: 'The disk did not keep the body.' }] } };

const head = (framing: string, path = '/v1/messages', { token } = app) =>
  `POST ${path} HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\n${framing}\r\n\r\n`;
const announced = (bytes: number) => `Content-Length: ${bytes}`;
const chunked = 'Transfer-Encoding: chunked';
const chunk = (bytes: Buffer) =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);

async function uploading(framing: string, begin: Buffer): Promise<RawCaller> {
  const caller = await app.call();
  caller.send(head(framing)).send(begin);
  return caller;
}

describe('a large body', () => {
  it('is sent as it came, with its length, and nothing is left of it', async () => {
    const body = randomBytes(3 * mib + 17);
    expect(await app.send('POST /v1/messages', '', body)).toMatchObject({ status: 200 });
    const [arrival] = upstream.arrivals;
    expect(arrival?.all('content-length')).toEqual([String(body.length)]);
    expect(arrival?.body.equals(body)).toBe(true);
  });

  it('in chunks is, too, and the Coreapp gets it with its length', async () => {
    const body = randomBytes(mib);
    await using caller = await app.call();
    caller.send(head(chunked));
    for (let at = 0; at < body.length; at += 50_000) caller.send(chunk(body.subarray(at, at + 50_000)));
    expect(await caller.send('0\r\n\r\n').answer('POST')).toMatchObject({ status: 200 });
    expect(upstream.arrivals[0]?.all('content-length')).toEqual([String(body.length)]);
    expect(upstream.arrivals[0]?.body.equals(body)).toBe(true);
    await nothingIsLeft();
  });

  it.each<[string, number, inFile: boolean]>([
    ['of just as much as memory takes stays there', 16 * kib, false],
    ['of a byte more is in a file that has no name', 16 * kib + 1, true],
  ])('%s', async (_, bytes, inFile) => {
    upstream.play(sayNothing);
    await using caller = await uploading(announced(bytes), randomBytes(bytes));
    await until(() => upstream.arrivals.length === 1, { what: 'it to arrive' });
    expect(await status()).toMatchObject({ bytes, bytesOnDisk: inFile ? bytes : 0, disk: { files: inFile ? 1 : 0 } });
    expect(openFiles()).toHaveLength(inFile ? 1 : 0);
    expect(names()).toHaveLength(1);
    for (const socket of upstream.sockets) socket.write(answer(200));
    expect(await caller.answer('POST')).toMatchObject({ status: 200 });
    await nothingIsLeft();
  });

  it('is sent again, whole each time, for as long as the Coreapp refuses it', async () => {
    const refused = say(answer(503));
    upstream.play(inTurn(refused, say(answer(429)), refused, say(answer(201))));
    const body = randomBytes(mib);
    expect(await app.send('POST /v1/messages', '', body)).toMatchObject({ status: 201 });
    expect(upstream.arrivals).toHaveLength(4);
    for (const arrival of upstream.arrivals) expect(arrival.body.equals(body)).toBe(true);
  });

  it('is sent again where the Coreapp refuses it before it has come whole', async () => {
    let connections = 0;
    upstream.onConnection((socket) => {
      // The answer comes with the first bytes, and the rest is never read.
      if (++connections === 1) socket.once('data', () => socket.pause().end(answer(503, { Connection: 'close' })));
    });
    const body = randomBytes(4 * mib);
    for (const socket of upstream.sockets) socket.destroy();
    const told = await app.send('PUT /v1/messages', '', body);
    upstream.onConnection(null);
    expect(told).toMatchObject({ status: 200 });
    expect(connections).toBeGreaterThan(1);
    expect(upstream.arrivals.at(-1)?.body.equals(body)).toBe(true);
  });

  it.each([
    ['is, with a key that the Coreapp honours', 'contacts', 'Idempotency-Key: "order-17"\r\n', 200, 2],
    ['is not, with a key where it does not', 'messages', 'Idempotency-Key: "order-17"\r\n', 502, 1],
    ['is not, without one: it may have been acted on', 'contacts', '', 502, 1],
  ])('of a POST %s', async (_, name, fields, status, arrivals) => {
    upstream.play(inTurn(breakOff, say(answer(200))));
    expect(await app.send(`POST /v1/${name}`, fields, randomBytes(20_000))).toMatchObject({ status });
    expect(upstream.arrivals).toHaveLength(arrivals);
    if (fields !== '') expect(upstream.arrivals.at(-1)?.all('idempotency-key')).toEqual(['"order-17"']);
  });

  it('whose caller hangs up while it waits, or is sent, is gone', async () => {
    upstream.play(say(answer(503)));
    const waiting = await uploading(announced(mib), randomBytes(mib));
    await until(() => upstream.arrivals.length > 0, { what: 'a first attempt' });
    waiting.reset();
    await nothingIsLeft();
    upstream.play(sayNothing);
    const sent = await uploading(announced(mib), randomBytes(mib));
    await until(() => upstream.arrivals.length === 1, { what: 'it to arrive' });
    sent.reset();
  });

  it('that another request follows on its connection does not mix with it', async () => {
    const body = randomBytes(100_000);
    await using caller = await app.call();
    caller.send(Buffer.concat([app.request('POST /v1/messages', '', body), app.request('GET /v1/contacts')]));
    expect(await caller.answer('POST')).toMatchObject({ status: 200 });
    expect(await caller.answer()).toMatchObject({ status: 200 });
    const arrived = upstream.arrivals.map(({ method, body }) => `${method} ${body.length}`);
    expect(arrived).toEqual(['POST 100000', 'GET 0']);
    await nothingIsLeft();
  });
});

describe('a large body that the disk does not give back whole', () => {
  it.each([
    ['nothing of it', 0],
    ['less than was kept', 500_000],
  ])('because there is %s: never looks whole to the Coreapp, and is a 503', async (_, bytes) => {
    const truncating: Script = (_, socket) => {
      for (const file of openFiles()) truncateSync(file, bytes);
      socket.write(answer(503));
    };
    upstream.play(inTurn(truncating, say(answer(200))));
    expect(await app.send('PUT /v1/messages', '', randomBytes(mib))).toMatchObject(notKept);
    expect(upstream.arrivals).toHaveLength(1);
    expect(await app.send('POST /v1/messages', '', randomBytes(mib))).toMatchObject({ status: 200 });
  });
});

describe('a large body that does not come as it should', () => {
  const some = randomBytes(100_000);

  it.each<[string, framing: string, begin: Buffer, status: number]>([
    ['is larger than allowed is refused before it is read', announced(4 * mib + 1), Buffer.alloc(0), 413],
    ['in chunks becomes larger than allowed', chunked, chunk(randomBytes(4 * mib + 1)), 413],
    ['has chunks that are none', chunked, Buffer.concat([chunk(some), Buffer.from('zz\r\n')]), 400],
  ])('%s', async (_, framing, begin, status) => {
    await using caller = await uploading(framing, begin);
    expect(await caller.answer('POST')).toMatchObject({ status });
    expect(upstream.arrivals).toEqual([]);
    await nothingIsLeft();
  });

  it.each<[string, framing: string, begin: Buffer]>([
    ['is shorter than announced', announced(mib), some],
    ['ends without a last chunk', chunked, chunk(some)],
  ])('%s: nothing is forwarded', async (_, framing, begin) => {
    await using caller = await uploading(framing, begin);
    await until(async () => (await status()).disk.files === 1, { what: 'a file to be open' });
    caller.socket.end();
    await nothingIsLeft();
    expect(upstream.arrivals).toEqual([]);
  });

  it('is longer than announced: what follows is the next request, and has to be one', async () => {
    await using caller = await uploading(announced(some.length), Buffer.concat([some, Buffer.from('more\r\n\r\n')]));
    expect(await caller.answer('POST')).toMatchObject({ status: 200 });
    expect(await caller.answer()).toMatchObject({ status: 400 });
    expect(await caller.closed()).toBe('end');
    expect(upstream.arrivals.map(({ body }) => body.length)).toEqual([some.length]);
    await nothingIsLeft();
  });

  it.each([
    ['stops in the middle', ''],
    ['comes a byte at a time, however steadily', 'x'],
  ])('%s: 408 once the time for a pause is over', async (_, more) => {
    using _timers = driveIntervals();
    await using own = await startTestApp(upstream.url, yaml);
    await using caller = await own.call();
    caller.send(head(announced(mib), '/v1/messages', own)).send(some);
    let came = some.length;
    const isRead = async () => caller.unread.length > 0 || (await status(own)).bytes === came;
    await until(isRead, { what: 'the beginning to be read' });
    // Another byte is read once the disk has what came before it: a disk that hangs would be a 503.
    caller.send('x');
    came += 1;
    await until(isRead, { what: 'the beginning to be on the disk' });
    let quarters = 0;
    while (caller.unread.length === 0 && quarters < 10) {
      vi.advanceTimersByTime(bodyIdleTimeoutMs / 4);
      quarters += 1;
      caller.send(more);
      came += more.length;
      await until(isRead, { what: 'what came in this quarter to be read' });
    }
    expect(await caller.answer('POST')).toMatchObject({ status: 408 });
    expect(quarters).toBe(5);
    await nothingIsLeft(own);
  });
});

/** Bodies of these sizes that have come whole and are in flight: they keep their room until the Coreapp answers. */
async function inFlight(path: string, ...sizes: number[]): Promise<AsyncDisposable> {
  upstream.play(sayNothing);
  const callers = await Promise.all(sizes.map(() => app.call()));
  sizes.forEach((bytes, index) => void callers[index]?.send(head(announced(bytes), path)).send(randomBytes(bytes)));
  await until(() => upstream.arrivals.length === sizes.length, { what: 'all to be in flight' });
  upstream.play(say(answer(200, {}, 'ok')));
  return {
    async [Symbol.asyncDispose]() {
      for (const caller of callers) await caller[Symbol.asyncDispose]();
      await nothingIsLeft();
    },
  };
}

describe('uploads that only announce themselves', () => {
  it('take neither files nor bytes of the disk', async () => {
    const uploads = await Promise.all(Array.from({ length: 6 }, () => uploading(announced(4 * mib), randomBytes(100))));
    await until(async () => (await status()).bytes === 600, { what: 'all to be let in' });
    expect((await status()).disk).toMatchObject({ files: 0, bytes: 0 });
    expect(await app.send('POST /v1/messages', '', randomBytes(4 * mib))).toMatchObject({ status: 200 });
    for (const caller of uploads) caller.reset();
  });
});

describe('large bodies', () => {
  it('fill the disk’s bound and no more: the next is refused at once, small ones pass', async () => {
    await using _ = await inFlight('/v1/messages', 4 * mib, 4 * mib);
    await using late = await uploading(announced(3 * mib), Buffer.alloc(0));
    const told = await late.answer('POST');
    expect(told).toMatchObject({ status: 503, json: { errors: [{ code: 1016 }] } });
    expect(told.json.errors[0].details).toBe('There is no room for the body: other bodies take all of the disk.');
    expect(await app.send('POST /v1/messages', '', randomBytes(16 * kib))).toMatchObject({ status: 200 });
    expect(await app.send('POST /v1/messages', '', randomBytes(mib))).toMatchObject({ status: 200 });
  });

  it('of one caller fill its share and no more: the rest is for others, and for its other classes', async () => {
    const worker = `Host: weir\r\nAuthorization: Bearer ${await app.user('worker')}\r\n`;
    await using _ = await inFlight('/v1/contacts', 4 * mib);
    const told = await app.send('POST /v1/contacts', '', 'x');
    expect(told).toMatchObject({ status: 503, json: { errors: [{ code: 1016 }] } });
    expect(told.json.errors[0].details).toBe(
      'There is no room for the body: other bodies of this caller take all that it may have beside other callers.',
    );
    expect(await app.send('POST /v1/messages', '', 'x')).toMatchObject({ status: 200 });
    const large = randomBytes(mib);
    expect(await app.ask('POST /v1/contacts', `${worker}Content-Length: ${large.length}\r\n`, large)).toMatchObject({
      status: 200,
    });
  });

  it('fill the number of files and no more; who waits for 100 Continue is not asked for a body then', async () => {
    await using _ = await inFlight('/v1/messages', 20 * kib, 20 * kib, 20 * kib);
    expect((await status()).disk.files).toBe(3);
    await using late = await uploading(`${announced(20 * kib)}\r\nExpect: 100-continue`, Buffer.alloc(0));
    const told = await late.answer('POST');
    expect(told).toMatchObject({ status: 503, interim: [] });
  });
});

describe('the folder', () => {
  it('may be swept by a cleaner of temporary files: it is made again', async () => {
    rmSync(join(parent, `weir-${process.getuid?.()}`), { recursive: true });
    expect(await app.send('POST /v1/messages', '', randomBytes(mib))).toMatchObject({ status: 200 });
  });

  it('that is in the way refuses large bodies with a reason, small ones pass; the log says it once', async () => {
    const own = join(parent, `weir-${process.getuid?.()}`);
    rmSync(own, { recursive: true });
    rmSync(parent, { recursive: true });
    for (let i = 0; i < 3; i++) {
      const told = await app.send('POST /v1/messages', '', randomBytes(mib));
      expect(told).toMatchObject(notKept);
      expect(told.field('retry-after')).toBe('1');
    }
    expect(await app.send('POST /v1/messages', '', randomBytes(kib))).toMatchObject({ status: 200 });
    const fails = {
      message: 'bodies: the disk fails; large ones are refused',
      fields: { folder: own, reason: 'ENOENT' },
    };
    expect(app.events.filter(({ level }) => level === 'error')).toEqual([{ level: 'error', ...fails }]);
    mkdirSync(parent);
    expect(await app.send('POST /v1/messages', '', randomBytes(mib))).toMatchObject({ status: 200 });
  });
});
