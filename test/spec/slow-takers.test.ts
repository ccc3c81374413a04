/** Callers that take their answers slowly: who goes on, who is cut off, and what is said of it. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Idlers } from '../../src/wire/server/idlers.ts';
import { Taking } from '../../src/wire/taking.ts';
import { startTestApp, type TestApp } from '../support/app.ts';
import { ask } from '../support/ask.ts';
import { createAuthority } from '../support/certificates.ts';
import { Folder } from '../support/files.ts';
import { callSecurely, startSecureApp } from '../support/secure-app.ts';
import { upstreamForAll } from '../support/start-for-all.ts';
import { driveIntervals, driveTimers } from '../support/still-timers.ts';
import { pass, until } from '../support/until.ts';
import { type Script, sayNothing, startUpstream } from '../support/upstream.ts';

const mib = 2 ** 20;

describe('What a caller takes, as it can be seen', () => {
  /** Looks every quarter of the pause at a caller that reads steadily, and shows it in steps of so many bytes. */
  function lookAt(options: { bytesPerS: number; minBytesPerS: number; stepBytes: number; firstBytes: number }) {
    const taking = new Taking({ pauseMs: 30_000, minBytesPerS: options.minBytesPerS }, 0);
    for (let ms = 7_500; ms <= 3_600_000; ms += 7_500) {
      const read = (options.bytesPerS * ms) / 1_000;
      const taken = options.firstBytes + Math.floor(read / options.stepBytes) * options.stepBytes;
      if (!taking.look(7_500, taken, true)) return ms;
    }
    return null;
  }
  const loopback = { minBytesPerS: 1_000, stepBytes: 1.6 * mib, firstBytes: 3.8 * mib };

  it.each([
    ['20 KB a second, in steps of 1.6 MiB', { ...loopback, bytesPerS: 20_000 }, null],
    [
      'the least that is asked, in steps of what a slow link takes',
      { ...loopback, bytesPerS: 1_010, stepBytes: 65_536 },
      null,
    ],
    ['anything, where nothing is asked', { ...loopback, bytesPerS: 400, stepBytes: 65_536, minBytesPerS: 0 }, null],
    [
      'less than what is asked, and nothing saved up',
      { ...loopback, bytesPerS: 500, stepBytes: 4_096, firstBytes: 0 },
      60_000,
    ],
    ['nothing from the beginning', { ...loopback, bytesPerS: 0, firstBytes: 0 }, 30_000],
    ['nothing after a first megabyte', { ...loopback, bytesPerS: 0 }, 300_000],
    ['nothing after the first 20 KB', { ...loopback, bytesPerS: 0, firstBytes: 20_000 }, 52_500],
  ])('%s', (_, options, cutAt) => {
    expect(lookAt(options)).toBe(cutAt);
  });

  it('is no fault of the caller’s while nothing is there to be taken', () => {
    const taking = new Taking({ pauseMs: 1_000, minBytesPerS: 1_000 }, 0);
    for (let i = 0; i < 20; i++) expect(taking.look(250, 0, false)).toBe(true);
    // From the moment on at which there is something it has a whole pause.
    expect([1, 2, 3, 4, 5].map(() => taking.look(250, 0, true))).toEqual([true, true, true, true, false]);
  });
});

describe('The sweep over those who take an answer', () => {
  it('calls one slow that takes nothing, and none that takes enough, waits for more or is done', () => {
    using _ = driveIntervals();
    const idlers = new Idlers(20, 0, 1_000);
    const called: string[] = [];
    const watch = (name: string, hasToTake = true) => {
      const taker = { taken: 0, hasToTake };
      return { taker, watched: idlers.watchTaking(taker, () => called.push(name)) };
    };
    const [steps, , , done] = [watch('in steps'), watch('nothing'), watch('waits', false), watch('done')];
    done.watched.done();
    for (let sweep = 0; sweep < 40; sweep = idlers.sweeps) {
      // 100 bytes are worth five of the pauses, so a step every sixteen sweeps is enough.
      if (sweep % 16 === 0) steps.taker.taken += 100;
      vi.advanceTimersByTime(5);
    }
    expect(called).toEqual(['nothing']);
  });
});

/** An answer of so many bytes, as fast as it is taken. */
const pour =
  (length: number): Script =>
  (_, socket) => {
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
    socket.write(Buffer.alloc(length, 'x'));
  };

const cutLines = async (opsPort: number): Promise<string[]> =>
  (await ask('GET', `http://127.0.0.1:${opsPort}/metrics`)).text
    .split('\n')
    .filter((line) => line.startsWith('weir_answers_cut_total{'));

describe('An answer that is not taken', async () => {
  const upstream = await upstreamForAll();
  let app: TestApp;
  const cutsOff = { http: { bodyIdleTimeoutMs: 300, answerMinBytesPerS: 1_000_000_000 } };

  afterEach(() => app[Symbol.asyncDispose]());

  const open = async (more: object = {}): Promise<void> => {
    app = await startTestApp(upstream.url, JSON.stringify(more));
  };
  const logged = (path: string) =>
    until(() => app.lines.find((line) => line.path === path), { what: `the log line of ${path}` });

  it('is cut off: the log and the metrics say so, and that the caller had seen its status', async () => {
    await open(cutsOff);
    upstream.play(pour(32 * mib));
    await using caller = await app.call();
    caller.socket.pause();
    caller.send(app.request('GET /v1/media/1'));
    expect(await logged('/v1/media/1')).toMatchObject({ status: 200, cut: 'callerSlow', refusal: null });
    expect(await cutLines(app.opsPort)).toEqual(['weir_answers_cut_total{class="media",cause="callerSlow"} 1']);
  });

  it('but for its last bytes is cut off, too, and not told as whole before', async () => {
    await open(cutsOff);
    // More than the system's buffers take, but all of it written: what is missing is its end.
    await using caller = await app.call();
    caller.socket.pause();
    for (let length = mib; ; length += mib) {
      upstream.play(pour(length));
      caller.send(app.request(`GET /v1/media/${length}`));
      const line = await logged(`/v1/media/${length}`);
      if (line.cut === null) continue;
      expect(line).toMatchObject({ status: 200, cut: 'callerSlow' });
      break;
    }
  });

  it('goes on for a caller that pauses for longer than it may, as long as it has taken enough before', async () => {
    using _ = driveIntervals();
    await open({ http: { bodyIdleTimeoutMs: 300, answerMinBytesPerS: 1_000 } });
    const length = 16 * mib;
    upstream.play(pour(length));
    await using caller = await app.call();
    let taken = 0;
    caller.socket.removeAllListeners('data').pause();
    caller.send(app.request('GET /v1/media/1'));
    for (let pauses = 0; pauses < 4; pauses++) {
      vi.advanceTimersByTime(600); // Twice what it may pause.
      const goal = taken + 2 * mib;
      while (taken < goal) {
        const chunk = caller.socket.read() as Buffer | null;
        taken += chunk?.length ?? 0;
        if (chunk === null) await pass(1);
      }
    }
    expect(app.lines).toEqual([]);
    caller.socket.on('data', (chunk: Buffer) => {
      taken += chunk.length;
    });
    caller.socket.resume();
    expect(await logged('/v1/media/1')).toMatchObject({ status: 200, cut: null, bytesOut: length });
    await until(() => taken > length, { what: 'all of the answer' });
  });

  it('because its caller hangs up is none that Weir cut off', async () => {
    await open();
    upstream.play(pour(32 * mib));
    const caller = await app.call();
    caller.send(app.request('GET /v1/media/1'));
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    caller.reset();
    expect(await logged('/v1/media/1')).toMatchObject({ status: 499, cut: 'callerGone' });
    expect(await cutLines(app.opsPort)).toEqual([]);
  });

  it('because it breaks off at the Coreapp says so', async () => {
    await open();
    upstream.play((_, socket) => void socket.end('HTTP/1.1 201 Any\r\nContent-Length: 10\r\n\r\nabc'));
    expect(await app.send('POST /v1/messages', '', '{}')).toMatchObject({ status: 201, whole: false });
    expect(await logged('/v1/messages')).toMatchObject({ status: 201, cut: 'coreappBroke' });
    expect(await cutLines(app.opsPort)).toEqual(['weir_answers_cut_total{class="messages",cause="coreappBroke"} 1']);
  });

  it('because it pauses for too long at the Coreapp says so', async () => {
    using _ = driveTimers();
    await open({ coreapp: { answerTimeoutMs: 600_000 } });
    upstream.play((_, socket) => void socket.write('HTTP/1.1 201 Any\r\nContent-Length: 10\r\n\r\nabc'));
    await using caller = await app.call();
    caller.send(app.request('POST /v1/messages', '', '{"to":1}'));
    await until(() => caller.unread.includes('\r\n\r\nabc'), { what: 'the beginning of the answer' });
    vi.advanceTimersByTime(600_001);
    expect(await caller.answer('POST')).toMatchObject({ status: 201, whole: false });
    expect(await logged('/v1/messages')).toMatchObject({
      status: 201,
      cut: 'coreappTimeout',
      bytesIn: 8,
      classRate: 50,
    });
    expect(await cutLines(app.opsPort)).toEqual(['weir_answers_cut_total{class="messages",cause="coreappTimeout"} 1']);
  });

  it('because Weir stops says so, whether it had begun or not', async () => {
    await open();
    upstream.play((arrival, socket) =>
      (arrival.target === '/v1/media/1' ? pour(32 * mib) : sayNothing)(arrival, socket),
    );
    await using taking = await app.call();
    taking.socket.pause();
    taking.send(app.request('GET /v1/media/1'));
    await using waiting = await app.call();
    waiting.send(app.request('POST /v1/messages', '', '{}'));
    await until(() => upstream.arrivals.length === 2, { what: 'both at the Coreapp' });
    await app.close(0);
    expect(await logged('/v1/media/1')).toMatchObject({ status: 200, cut: 'stopping' });
    expect(await logged('/v1/messages')).toMatchObject({ status: 499, cut: 'stopping' });
  });
});

describe('Over TLS', () => {
  it('an answer is watched by what is taken of it as well', async () => {
    await using upstream = await startUpstream(pour(32 * mib));
    using folder = new Folder();
    const { cert, key } = createAuthority('Weir test authority').issue('weir', ['localhost']);
    const tls = `certFile: ${folder.write('crt', cert)}, keyFile: ${folder.write('key', key)}`;
    const http = '{bodyIdleTimeoutMs: 300, answerMinBytesPerS: 1000000000}';
    await using app = await startSecureApp(upstream.url, `listen: {tls: {${tls}}}\nhttp: ${http}`, folder);
    await using caller = await callSecurely(app.port, { rejectUnauthorized: false });
    caller.socket.pause();
    void caller.health().catch(() => {});
    await until(async () => (await cutLines(app.opsPort)).length > 0, { what: 'the answer to be cut off' });
    expect(await cutLines(app.opsPort)).toEqual(['weir_answers_cut_total{class="health",cause="callerSlow"} 1']);
  });
});
