/** A retry policy may look at the beginning of an answer's body before it decides; until then the head waits. */
import { afterAll, describe, expect, it, test } from 'vitest';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { admitted, type PermitEnd } from '../../src/exchange/exchange.ts';
import type { Attempt } from '../../src/exchange/outcome.ts';
import type { EndpointClass } from '../../src/exchange/route.ts';
import type { Fields } from '../../src/http/fields.ts';
import { createForward } from '../../src/upstream/forward.ts';
import type { Coreapp, CoreappFailure, CoreappObserver, CoreappRequest } from '../../src/upstream/ports.ts';
import {
  type FailureVerdict,
  needMaxBytes,
  pass,
  type Retry,
  type RetryPolicy,
  type Verdict,
} from '../../src/upstream/retry-policy.ts';
import { CoreappConnections } from '../../src/wire/client/coreapp.ts';
import { messageFrom } from '../support/fleet.ts';
import { plainForward } from '../support/sender.ts';
import { SlowDownstream } from '../support/slow-downstream.ts';
import { upstreamForAll } from '../support/start-for-all.ts';
import { within } from '../support/until.ts';
import { answer, type Script, say, sayAndEnd } from '../support/upstream.ts';

const need = (bytes: number): Verdict => ({ kind: 'need', bytes });
const retry: Retry = { kind: 'retry', limit: 'rate', pauseMs: 700 };
const untilEnded = (decide: (text: string) => Verdict): RetryPolicy['answered'] => {
  return (_request, _status, _fields, { bytes, ended }) => (ended ? decide(bytes.toString()) : need(needMaxBytes));
};

/** Looks at so many bytes, and decides. */
const lookingAt = (length: number, verdict: Verdict): RetryPolicy['answered'] => {
  return (_request, _status, _fields, { bytes }) => (bytes.length < length ? need(length) : verdict);
};

const unasked = () => {
  throw new Error('was asked');
};

class Caller extends SlowDownstream {
  /** Which heads came, and after how many bytes of body. */
  readonly heads: (readonly [status: number, bytes: number])[] = [];
  readonly #takesAtOnce: boolean;

  /** @param bufferBytes null: it takes at once whatever comes */
  constructor(bufferBytes: number | null) {
    super(bufferBytes ?? Number.POSITIVE_INFINITY);
    this.#takesAtOnce = bufferBytes === null;
  }

  override head(status?: number): void {
    this.heads.push([status ?? 0, this.received.length]);
  }

  override data(chunk?: Buffer): boolean {
    const goesOn = super.data(chunk);
    if (this.#takesAtOnce) this.take();
    return goesOn;
  }
}

/** One attempt, with a policy and a Coreapp of the test's. */
class Scene {
  readonly caller: Caller;
  /** How its permit ended. */
  readonly ends: PermitEnd[] = [];
  /** What the policy was shown. */
  readonly seen: { readonly text: string; readonly ended: boolean }[] = [];
  readonly attempt: Promise<Attempt>;

  constructor(
    coreapp: Coreapp,
    answered: RetryPolicy['answered'],
    {
      method = 'POST',
      bufferBytes = null as number | null,
      failed = (): FailureVerdict => ({ again: false, teaches: true }),
      notHeld = [] as EndpointClass[],
    } = {},
  ) {
    this.caller = new Caller(bufferBytes);
    const permit = { end: (how: PermitEnd) => void this.ends.push(how), [Symbol.dispose]() {} };
    const slots = { another: () => null, signalled: () => {} };
    const exchange = admitted(messageFrom('a', { method }), permit, slots, Number.POSITIVE_INFINITY, null);
    const retryPolicy: RetryPolicy = {
      answered: (request, status, fields, body) => {
        this.seen.push({ text: body.bytes.toString(), ended: body.ended });
        return answered(request, status, fields, body);
      },
      failed,
    };
    const forward = createForward({ ...plainForward, clock: machineClock, coreapp, retryPolicy, notHeld });
    this.attempt = within(forward(exchange, this.caller), { what: 'the end of the attempt' });
  }

  get told() {
    const { heads, received, ended } = this.caller;
    return [heads.map(([status]) => status), received.toString(), ended];
  }
}

/** A Coreapp that does what the test tells it to. */
class Played implements Coreapp {
  #observer: CoreappObserver | null = null;
  #over = false;
  resumed = 0;

  send(_request: CoreappRequest, observer: CoreappObserver) {
    this.#observer = observer;
    return { resume: () => void this.resumed++, abort: () => this.fail('answering', 'aborted') };
  }

  /** The head. */
  says(status: number, fields: Fields = []): this {
    this.#observer?.onHead(status, fields);
    return this;
  }

  /** The next part of the body. Returns whether more may come. */
  brings(text: string): boolean {
    if (this.#over) throw new Error('It is over.');
    return this.#observer?.onData(Buffer.from(text)) === true;
  }

  ends(trailers: Fields = []): void {
    this.#over = true;
    this.#observer?.onEnd(trailers);
  }

  fail(phase: CoreappFailure['phase'], cause: CoreappFailure['cause']): void {
    if (this.#over) return;
    this.#over = true;
    this.#observer?.onFailure({ phase, cause, detail: '' });
  }
}

/** One attempt at a Coreapp that does what the test tells it to. */
function play(answered: RetryPolicy['answered'], options?: ConstructorParameters<typeof Scene>[2]) {
  const coreapp = new Played();
  return { coreapp, scene: new Scene(coreapp, answered, options) };
}

describe('The head of an answer', () => {
  it('goes to the caller at once where the policy lets it pass, and the policy is not asked again', async () => {
    const { coreapp, scene } = play(() => pass);
    coreapp.says(200);
    expect(scene.caller.heads).toEqual([[200, 0]]);
    coreapp.brings('abc');
    coreapp.ends();
    expect(await scene.attempt).toEqual({ kind: 'passed', status: 200, cut: null });
    expect(scene.seen).toEqual([{ text: '', ended: false }]);
  });

  test.each<[string, pieces: string[], after: number]>([
    ['in one piece', ['abcdefghij'], 1],
    ['in one piece of just as much', ['abcd', 'efghij'], 1],
    ['in many', [...'abcdefghij'], 4],
    ['in pieces that lie across', ['a', 'bc', 'defghi', 'j'], 3],
  ])('waits for as much of the body as the policy needs: it comes %s', async (_, pieces, after) => {
    const { coreapp, scene } = play(lookingAt(4, pass));
    coreapp.says(400);
    const headsAfter = pieces.map((piece) => {
      expect(coreapp.brings(piece)).toBe(true);
      return scene.caller.heads.length;
    });
    expect(headsAfter.indexOf(1)).toBe(after - 1);
    coreapp.ends(['x-end', 'yes']);
    expect(await scene.attempt).toEqual({ kind: 'passed', status: 400, cut: null });
    expect(scene.seen).toEqual([
      { text: '', ended: false },
      { text: 'abcd', ended: false },
    ]);
    expect(scene.caller.heads).toEqual([[400, 0]]);
    expect(scene.told).toEqual([[400], 'abcdefghij', 'whole']);
    expect(scene.caller.trailers).toEqual(['x-end', 'yes']);
    expect(scene.ends).toEqual(['answered']);
  });

  it('waits for more and more, as long as the policy needs more, within one piece as well', async () => {
    const kept: number[] = [];
    const { coreapp, scene } = play((_request, _status, _fields, { bytes }) => {
      kept.push(bytes.buffer.byteLength);
      return bytes.length < 8 ? need(bytes.length + 2) : pass;
    });
    coreapp.says(200);
    coreapp.brings('abc');
    coreapp.brings('defghij');
    expect(scene.seen.map(({ text }) => text)).toEqual(['', 'ab', 'abcd', 'abcdef', 'abcdefgh']);
    // No more is kept than was asked for.
    expect(kept).toEqual([0, 2, 4, 6, 8]);
    coreapp.ends();
    await scene.attempt;
    expect(scene.told).toEqual([[200], 'abcdefghij', 'whole']);
  });

  it.each([[''], ['abc']])('waits no longer than the body, %j, lasts', async (text) => {
    const { coreapp, scene } = play(() => need(100));
    coreapp.says(200);
    if (text !== '') coreapp.brings(text);
    expect(scene.caller.heads).toEqual([]);
    coreapp.ends();
    await scene.attempt;
    expect(scene.seen.at(-1)).toEqual({ text, ended: true });
    expect(scene.told).toEqual([[200], text, 'whole']);
  });

  it.each([
    ['more than anybody may', need(needMaxBytes + 1)],
    ['nothing', need(0)],
  ])('does not wait for a policy that needs %s', async (_, verdict) => {
    const { coreapp, scene } = play(() => verdict);
    coreapp.says(200);
    expect(scene.caller.heads).toEqual([[200, 0]]);
    coreapp.brings('abc');
    coreapp.ends();
    await scene.attempt;
    expect(scene.told).toEqual([[200], 'abc', 'whole']);
  });

  it('waits for as much as anybody may need, and then passes whatever the policy says but retry', async () => {
    const { coreapp, scene } = play((_request, _status, _fields, { bytes }) =>
      need(Math.max(bytes.length, needMaxBytes)),
    );
    coreapp.says(200);
    coreapp.brings('x'.repeat(needMaxBytes - 1));
    expect(scene.caller.heads).toEqual([]);
    coreapp.brings('yz');
    expect(scene.caller.heads).toEqual([[200, 0]]);
    expect(scene.caller.received).toHaveLength(needMaxBytes + 1);
    coreapp.ends();
    await scene.attempt;
  });

  it('that switches protocols is the caller’s: the policy is not asked', async () => {
    const { coreapp, scene } = play(() => retry);
    coreapp.says(101).ends();
    expect(await scene.attempt).toMatchObject({ kind: 'passed', status: 101 });
    expect(scene.seen).toEqual([]);
  });

  it('goes to a slow caller as any other does, with what was seen of the body', async () => {
    const { coreapp, scene } = play(
      untilEnded(() => pass),
      { bufferBytes: 3 },
    );
    const { caller } = scene;
    coreapp.says(200);
    expect(coreapp.brings('abc')).toBe(true); // It is kept for the policy: no caller has to take it yet.
    coreapp.ends();
    expect([scene.told, scene.ends]).toEqual([[[200], 'abc', 'whole'], ['answered']]);
    caller.take();
    expect(await scene.attempt).toMatchObject({ kind: 'passed', cut: null });
    expect(caller.broken).toEqual([]);
  });

  it.each([
    ['a piece that holds the last of it', ['abcdef']],
    ['a piece that ends with the last of it', ['ab', 'cd']],
    ['the piece after', ['ab', 'cdef']],
  ])('decided, the Coreapp waits for a slow caller from %s on', async (_, pieces) => {
    const { coreapp, scene } = play(lookingAt(4, pass), { bufferBytes: 4 });
    coreapp.says(200);
    expect(pieces.map((piece) => coreapp.brings(piece))).toEqual(pieces.map((_piece, i) => i < pieces.length - 1));
    expect(coreapp.resumed).toBe(0);
    scene.caller.take();
    expect(coreapp.resumed).toBe(1);
    coreapp.ends();
    scene.caller.take();
    await scene.attempt;
    expect([scene.told, scene.caller.broken]).toEqual([[[200], pieces.join(''), 'whole'], []]);
  });
});

describe('Of a class that is not held, the policy is not asked', () => {
  const notHeld: EndpointClass[] = ['messages'];

  it('about an answer, which is the caller’s', async () => {
    const { coreapp, scene } = play(unasked, { notHeld });
    coreapp.says(503).ends();
    expect(await scene.attempt).toMatchObject({ kind: 'passed', status: 503 });
    expect(scene.ends).toEqual(['answered']);
  });

  it.each(['GET', 'POST'])('about a failure: %s does not go again, and teaches nothing', async (method) => {
    const { coreapp, scene } = play(unasked, { notHeld, method, failed: unasked });
    coreapp.fail('unsent', 'connect');
    expect(await scene.attempt).toMatchObject({ kind: 'refusal', name: 'unreachable' });
    expect(scene.ends).toEqual(['failed']);
  });
});

describe('An answer that the policy does not let pass', () => {
  test.each<[Retry['limit'], pauseMs: number, reason: string, end: PermitEnd]>([
    ['rate', 700, 'throttled', 'failed'],
    ['rate', 0, 'throttled', 'refused'],
    ['load', 700, 'overloaded', 'refused'],
    ['load', 0, 'overloaded', 'refused'],
  ])('is about the %s, with a pause of %i ms: %s, and the permit learns by %s', async (limit, pauseMs, reason, end) => {
    const { coreapp, scene } = play(lookingAt(4, { kind: 'retry', limit, pauseMs }));
    coreapp.says(400);
    for (const piece of ['abc', 'def', 'ghi']) expect(coreapp.brings(piece)).toBe(true);
    coreapp.ends();
    expect(await scene.attempt).toEqual({ kind: 'replay', reason, pauseMs, otherwise: null });
    expect([scene.told, scene.ends]).toEqual([[[], '', null], [end]]);
  });

  it('is read to its end, but not for ever', async () => {
    const { coreapp, scene } = play(lookingAt(4, retry));
    coreapp.says(400);
    const piece = 'x'.repeat(needMaxBytes);
    let pieces = 0;
    // The abort tells the attempt, in the middle of a piece.
    while (scene.ends.length === 0 && pieces < 1_000) {
      coreapp.brings(piece);
      pieces += 1;
    }
    expect(pieces).toBeLessThanOrEqual(18);
    expect(await scene.attempt).toMatchObject({ kind: 'replay', reason: 'throttled' });
  });
});

describe('While the head waits', () => {
  it('a caller that hangs up ends the call, and is told nothing', async () => {
    const { coreapp, scene } = play(() => need(100));
    coreapp.says(200);
    coreapp.brings('abc');
    scene.caller.hangUp();
    expect(await scene.attempt).toEqual({ kind: 'gone' });
    expect(() => coreapp.brings('d')).toThrow('It is over.');
    expect([scene.told, scene.ends, scene.seen.length]).toEqual([[[], '', null], ['failed'], 1]);
  });

  it.each([
    ['broken', 'coreappBroke'],
    ['timeout', 'coreappTimeout'],
  ] as const)('a Coreapp that breaks off (%s) leaves the decision to the policy', async (cause, cut) => {
    const { coreapp: passes, scene: passed } = play(untilEnded(() => pass));
    passes.says(200);
    passes.brings('abc');
    passes.fail('answering', cause);
    expect(await passed.attempt).toEqual({ kind: 'passed', status: 200, cut });
    expect(passed.seen.at(-1)).toEqual({ text: 'abc', ended: true });
    expect([passed.told, passed.ends]).toEqual([[[200], 'abc', 'cut'], ['failed']]);

    const { coreapp: refuses, scene: refused } = play(untilEnded(() => retry));
    refuses.says(400);
    refuses.brings('abc');
    refuses.fail('answering', cause);
    expect(await refused.attempt).toMatchObject({ kind: 'replay', reason: 'throttled', pauseMs: 700 });
    expect(refused.told).toEqual([[], '', null]);
  });

  it('a policy that throws, which is a bug, ends this one exchange', async () => {
    const { coreapp, scene } = play((_request, _status, _fields, { bytes }) => {
      if (bytes.length < 2) return need(2);
      throw new Error('a bug');
    });
    coreapp.says(200);
    coreapp.brings('abc');
    await expect(scene.attempt).rejects.toThrow('a bug');
    expect([scene.told, scene.ends[0]]).toEqual([[[], '', null], 'failed']);
  });
});

describe('A request without an answer', () => {
  const replay = (reason: string, otherwise: string) => ({ kind: 'replay', reason, pauseMs: 0, otherwise });
  const refusal = (name: string) => expect.objectContaining({ kind: 'refusal', name });

  test.each<[CoreappFailure['phase'], CoreappFailure['cause'], FailureVerdict, Attempt | object, PermitEnd]>([
    ['unsent', 'connect', { again: true, teaches: true }, replay('unsent', 'unreachable'), 'refused'],
    ['sent', 'timeout', { again: true, teaches: true }, replay('broken', 'timedOut'), 'refused'],
    ['sent', 'timeout', { again: false, teaches: true }, refusal('timedOut'), 'refused'],
    ['sent', 'timeout', { again: false, teaches: false }, refusal('timedOut'), 'failed'],
    ['sent', 'broken', { again: true, teaches: true }, replay('broken', 'broken'), 'failed'],
    ['sent', 'broken', { again: false, teaches: true }, refusal('broken'), 'failed'],
  ])('(%s, %s) ends as the policy says: %j', async (phase, cause, verdict, attempt, end) => {
    const { coreapp, scene } = play(() => pass, { failed: () => verdict });
    coreapp.fail(phase, cause);
    expect(await scene.attempt).toEqual(attempt);
    expect(scene.ends).toEqual([end]);
  });

  it.each([
    ['invalid', 'malformed'],
    ['body', 'diskFailed'],
  ] as const)('for which the Coreapp is not to blame (%s) is no matter of the policy', async (cause, name) => {
    const { coreapp, scene } = play(() => pass, { failed: unasked });
    coreapp.fail('unsent', cause);
    expect(await scene.attempt).toEqual(refusal(name));
  });
});

/** An API that tells in a JSON body, with the status 400, that it is asked too much. */
describe('Throttling that is told in a body', async () => {
  const tls = { ca: null, cert: null, key: null };
  const throttled = '{"error":{"code":130429}}';
  const invalid = '{"error":{"code":100}}';
  const policy: RetryPolicy['answered'] = (request, status, fields, body) =>
    status === 200
      ? pass
      : untilEnded((text) => (text.includes('130429') ? retry : pass))(request, status, fields, body);
  const chunked = (text: string): string =>
    `HTTP/1.1 400 Any\r\nTransfer-Encoding: chunked\r\n\r\n${[...text].map((byte) => `1\r\n${byte}\r\n`).join('')}0\r\n\r\n`;
  const times = { connectTimeoutMs: 60_000, answerTimeoutMs: 60_000, connectionMaxAgeMs: 60_000 };
  const upstream = await upstreamForAll();
  const coreapp = new CoreappConnections({ url: upstream.url, tls, connectionsMax: 1, ...times });
  afterAll(() => coreapp.close());

  const success = say(answer(200, {}, throttled));
  const long = 'x'.repeat(200_000);
  const half = `HTTP/1.1 400 Any\r\nContent-Length: 99\r\n\r\n`;

  test.each<[string, Script]>([
    ['in one piece', say(answer(400, {}, throttled))],
    ['in many', say(chunked(throttled))],
    ['and breaks off', sayAndEnd(half + throttled)],
  ])('goes again: it comes %s', async (_, script) => {
    upstream.play(script);
    const scene = new Scene(coreapp, policy);
    expect(await scene.attempt).toMatchObject({ kind: 'replay', reason: 'throttled', pauseMs: 700 });
    expect([scene.told, scene.seen.at(-1)]).toEqual([[[], '', null], { text: throttled, ended: true }]);
  });

  test.each<[string, method: string, Script, told: unknown[]]>([
    ['another error', 'POST', say(answer(400, {}, invalid)), [[400], invalid, 'whole']],
    ['another error in many pieces', 'POST', say(chunked(invalid)), [[400], invalid, 'whole']],
    ['another error that breaks off', 'POST', sayAndEnd(half + invalid), [[400], invalid, 'cut']],
    ['an answer to HEAD', 'HEAD', say(half), [[400], '', 'whole']],
    ['no content', 'POST', say('HTTP/1.1 204 Any\r\n\r\n'), [[204], '', 'whole']],
    ['success', 'POST', success, [[200], throttled, 'whole']],
    ['an error that is too long to be read', 'POST', say(answer(400, {}, long)), [[400], long, 'whole']],
  ])('is not taken for %s', async (_, method, script, told) => {
    upstream.play(script);
    const scene = new Scene(coreapp, policy, { method });
    expect(await scene.attempt).toMatchObject({ kind: 'passed' });
    expect(scene.told).toEqual(told);
    expect(scene.seen).toHaveLength(script === success ? 1 : 2);
  });

  it('has read its connection to the end, which carries the next request', async () => {
    upstream.play(say(answer(400, {}, throttled)));
    await new Scene(coreapp, policy).attempt;
    await new Scene(coreapp, policy).attempt;
    const [first, second] = upstream.arrivals;
    expect(first?.connection).toBe(second?.connection);
  });
});
