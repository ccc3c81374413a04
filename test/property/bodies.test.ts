/** Bodies in whatever order: they come whole, in pieces, too slowly or not at all, and their requests end in every way. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ArrivingBody } from '../../src/adapters/node/body.ts';
import { createGateway } from '../../src/gateway.ts';
import { type BodyRead, type BodyRoom, ByteAccount, Holding } from '../../src/model/bodies.ts';
import { identified } from '../../src/model/exchange.ts';
import { gone } from '../../src/model/outcome.ts';
import { page } from '../../src/model/page.ts';
import { refuse } from '../../src/model/refusals.ts';
import { createReceive } from '../../src/stages/receive.ts';
import { createRoute } from '../../src/stages/route.ts';
import { deafMeter, WaitingCaller } from '../support/fleet.ts';
import { Lines } from '../support/lines.ts';
import { silentLog } from '../support/silent-log.ts';
import type { VirtualClock } from '../support/virtual-clock.ts';

const lineMaxBytes = 1_000;
const bodyMaxBytes = 500;
const scripted = new Error('as scripted');

interface Upload {
  readonly afterMs: number;
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

/** A caller who uploads, and what it has in Weir's memory. */
class Uploader extends WaitingCaller {
  override readonly bodyBytes: number | null;
  readonly upload: Upload;
  readonly #clock: VirtualClock;
  /** What was read of the body. */
  bytes = 0;

  constructor(upload: Upload, clock: VirtualClock) {
    super();
    this.upload = upload;
    this.#clock = clock;
    this.bodyBytes = upload.announced ? upload.chunks.reduce((sum, { bytes }) => sum + bytes, 0) : null;
  }

  override read(maxBytes: number, room: BodyRoom): BodyRead | Promise<BodyRead> {
    if (this.bodyBytes !== null && this.bodyBytes > maxBytes) return { kind: 'tooLarge' };
    if (this.bodyBytes !== null && !room.tryTake(this.bodyBytes)) return { kind: 'noRoom' };
    return this.#arrive(new ArrivingBody(this.bodyBytes, maxBytes, room));
  }

  async #arrive(arriving: ArrivingBody): Promise<BodyRead> {
    for (const { afterMs, bytes } of this.upload.chunks) {
      await new Promise<void>((resolve) => void this.#clock.after(afterMs, resolve));
      if (this.gone) return { kind: 'gone' };
      const kind = arriving.take(Buffer.alloc(bytes));
      if (kind !== null) return { kind };
      this.bytes += bytes;
    }
    return this.upload.stops ? { kind: 'tooSlow' } : { kind: 'body', body: arriving.body };
  }
}

function world() {
  const limits = { rate: 20, burst: 2, holdMaxMs: 500, lineMaxRequests: 4, lineMaxBytes, bodyMaxBytes };
  const lines = new Lines({ limits: { messages: limits, contacts: limits } });
  const { clock, admit } = lines;
  const errors: unknown[] = [];
  const uploaders: Uploader[] = [];
  const gateway = createGateway({
    receive: createReceive({ clock, newId: () => 'id', trusts: () => false }),
    route: createRoute([]),
    authenticate: (exchange) => identified(exchange, { kind: 'user', name: 'a', role: 'ROLE_USER' }),
    admit,
    async forward(exchange, side) {
      const { upload } = side as Uploader;
      const attempt = upload.attempts[exchange.account.attempts++];
      await new Promise<void>((resolve) => void clock.after(attempt?.takesMs ?? 10, resolve));
      exchange.permit.end('answered');
      if (side.gone) return gone;
      switch (attempt?.end) {
        case 'replay':
          return { kind: 'replay', reason: 'throttled', pauseMs: 0, otherwise: null };
        case 'refusal':
          return refuse('broken');
        case 'bug':
          throw scripted;
        case undefined:
          return { kind: 'passed', status: 200 };
      }
    },
    webapp: { answer: async () => page(200, {}) },
    clock,
    meter: deafMeter,
    log: { ...silentLog, error: (_, fields) => void errors.push(fields?.error) },
  });
  const held = (name: 'messages' | 'contacts') => admit.gates(name).bodies.held;
  return {
    clock,
    errors,
    uploaders,
    held,
    /** Resolves when the request has ended. */
    send: (upload: Upload): Promise<void> => {
      const side = new Uploader(upload, clock);
      uploaders.push(side);
      if (upload.hangUpAfterMs !== null) clock.after(upload.hangUpAfterMs, () => side.hangUp());
      const head = { method: 'POST', target: upload.path, version: '1.1', fields: ['Host', 'weir'] };
      return gateway({ ...head, peer: '127.0.0.1', secure: false }, side);
    },
  };
}

describe('Whatever becomes of bodies', () => {
  test('they never take more than lineMaxBytes, they are counted while they are held, and all is given back', async () => {
    await fc.assert(
      fc.asyncProperty(uploads, async (script) => {
        const { clock, errors, held, uploaders, send } = world();
        const inside = new Set<Uploader>();
        const check = (): void => {
          for (const name of ['messages', 'contacts'] as const) {
            const those = [...inside].filter(({ upload }) => upload.path === `/v1/${name}`);
            expect(held(name)).toBeLessThanOrEqual(lineMaxBytes);
            expect(held(name)).toBeGreaterThanOrEqual(those.reduce((sum, { bytes }) => sum + bytes, 0));
          }
        };
        for (const upload of script) {
          await clock.advance(upload.afterMs);
          const ended = send(upload);
          const side = uploaders.at(-1) as Uploader;
          inside.add(side);
          void ended.then(() => inside.delete(side));
          await clock.settle();
          check();
        }
        for (let i = 0; i < 20; i++) {
          await clock.advance(100);
          check();
        }
        expect(inside.size).toBe(0);
        expect([held('messages'), held('contacts')]).toEqual([0, 0]);
        expect(errors.filter((error) => error !== scripted)).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });

  test('strangers who announce bodies to the login fill its own room, and no class’s', async () => {
    const { clock, held, uploaders, send } = world();
    const pages: number[] = [];
    const announcing = { afterMs: 0, announced: true, chunks: [{ afterMs: 10, bytes: 16_384 }], attempts: [] };
    const login = { ...announcing, path: '/v1/users/login', stops: false, hangUpAfterMs: null } as const;
    const ends = Array.from({ length: 4_097 }, () => {
      const ended = send(login);
      const side = uploaders.at(-1) as Uploader;
      side.page = (status: number) => void pages.push(status);
      return ended;
    });
    await clock.settle();
    expect(pages).toEqual([503]);
    expect(held('messages')).toBe(0);
    await clock.advance(10);
    await Promise.all(ends);
    expect(pages.filter((status) => status === 200)).toHaveLength(4_096);
    const ended = send(login);
    (uploaders.at(-1) as Uploader).page = (status: number) => void pages.push(status);
    await clock.advance(10);
    await ended;
    expect(pages.at(-1)).toBe(200);
  });
});

describe('A body that comes in pieces', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 30 });

  test('is what was sent, and takes what was made room for: at most twice its size', () => {
    fc.assert(
      fc.property(pieces, fc.nat(2_000), fc.boolean(), (chunks, maxBytes, announced) => {
        const whole = Buffer.concat(chunks);
        const account = new ByteAccount(4_000);
        const held = new Holding(account);
        const arriving = new ArrivingBody(announced ? whole.length : null, maxBytes, held);
        const faults = chunks.map((chunk) => arriving.take(Buffer.from(chunk))).filter((fault) => fault !== null);
        if (!announced && whole.length > maxBytes) {
          expect(faults[0]).toBe('tooLarge');
          expect(account.held).toBeLessThanOrEqual(maxBytes);
        } else {
          expect(faults).toEqual([]);
          expect(arriving.body).toEqual(whole.length === 0 ? null : whole);
          // Of an announced one the room was made before.
          expect(account.held).toBeLessThanOrEqual(announced ? 0 : Math.min(maxBytes, 2 * whole.length));
          expect(account.held).toBeGreaterThanOrEqual(announced ? 0 : whole.length);
        }
        held.release();
        held.release();
        expect(account.held).toBe(0);
      }),
    );
  });

  test('is refused as soon as there is no room for the next piece', () => {
    const arriving = new ArrivingBody(null, 1_000, new Holding(new ByteAccount(100)));
    expect([40, 40, 40].map((bytes) => arriving.take(Buffer.alloc(bytes)))).toEqual([null, null, 'noRoom']);
  });
});

describe('An account of bytes', () => {
  test('gives what is left and no byte more', () => {
    const account = new ByteAccount(100);
    expect([60, 41, 40, 1, 0].map((bytes) => account.tryTake(bytes))).toEqual([true, false, true, false, true]);
    account.give(60);
    expect(account.held).toBe(40);
    expect(() => account.give(41)).toThrow(/nobody had/);
  });
});
