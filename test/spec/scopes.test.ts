/** Limits of a narrower scope than the fleet: a bucket and a line for each principal, header value or path segment. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeSecrets } from '../../src/adapters/node/secrets.ts';
import type { ClassLimits } from '../../src/admission/limits.ts';
import { bucketName, classOfBucket, readScope, type Scope, scopeValue } from '../../src/admission/rate/scope.ts';
import { keptInMemory } from '../../src/exchange/bodies.ts';
import type { Collected } from '../../src/exchange/exchange.ts';
import { refusalTable } from '../../src/exchange/refusals.ts';
import { messageFrom } from '../support/fleet.ts';
import { Lines } from '../support/lines.ts';

function scope(text: string): Scope {
  const read = readScope(text);
  if (read === null) throw new Error(`${text} is no scope.`);
  return read;
}

const scoped = (text: string, changes: Partial<ClassLimits> = {}) => ({
  limits: { messages: { scope: scope(text), ...changes } },
});
const number = (value: string) => ({ fields: ['X-Number', value] });
const by = (user: string, value: string) => ({ user, ...number(value) });

/** With one permit and rate enough; the Coreapp takes 10 ms. */
function oneAtATime(text: string): Lines {
  const lines: Lines = new Lines({
    ...scoped(text, { rate: 1_000, burst: 1_000 }),
    permitsMax: 1,
    onSent: (visit) => lines.clock.after(10, () => lines.answer(visit)),
  });
  return lines;
}

/** Of those that were sent, in order. */
const labels = ({ sent }: Lines): string => sent.map((one) => one.split('@')[0]).join('');

describe('A scope', () => {
  test.each<[text: string, Scope]>([
    ['fleet', { by: 'fleet' }],
    ['principal', { by: 'principal' }],
    ['header:X-Number', { by: 'header', name: 'x-number' }],
    ['path:/v1/contacts/{number}', { by: 'path', template: ['v1', 'contacts', null], below: true }],
    ['path:/v1/contacts/{number}/block', { by: 'path', template: ['v1', 'contacts', null, 'block'], below: true }],
    ['path:/{tenant}', { by: 'path', template: [null], below: true }],
  ])('is written %s', (text, meant) => {
    expect(readScope(text)).toEqual(meant);
  });

  test.each([
    ['', 'nothing'],
    ['Fleet', 'words are in lower case'],
    ['user', 'it is called principal'],
    ['header', 'which one?'],
    ['header:', 'which one?'],
    ['header:X Number', 'no field has such a name'],
    ['header:Authorization', 'it does not travel on; principal is what is meant'],
    ['path:/v1/contacts', 'no segment in braces'],
    ['path:/v1/contacts/x{number}', 'part of a segment'],
    ['path:v1/{number}', 'no slash in front'],
    ['path:/v1/contacts/{number}/', 'a slash at the end, which requests lose'],
    ['path:/v1/../{number}', 'no request comes like this'],
    ['path:/v1//contacts/{number}', 'nor like this'],
    ['path:/a/**', 'no segment in braces'],
    ['path:/{a}/**/b', 'something behind **'],
    ['query:', 'which one?'],
    ['query:a b', 'no parameter has such a name'],
    ['body:to', 'no JSON pointer'],
    ['body:/', 'no JSON pointer to a name'],
    ['fleet+query:a', 'no blanks around the +'],
    ['fleet + ', 'nothing behind the +'],
    [' fleet', 'a blank in front'],
  ])('is not written %j: %s', (text) => {
    expect(readScope(text)).toBeNull();
  });

  const block = 'path:/v1/contacts/{number}/block';
  test.each<[scope: string, path: string, fields: string[], value: string | null]>([
    ['principal', '/v1/messages', [], 'user:anna'],
    // Names of fields are the same in any case, values are not.
    ['header:X-Number', '/v1/messages', ['Host', 'weir', 'x-nUMBER', 'Zoë'], 'Zoë'],
    ['header:X-Number', '/v1/messages', ['X-Numbers', '1'], null],
    ['header:X-Number', '/v1/messages', ['X-Number', ''], null],
    ['header:X-Number', '/v1/messages', ['X-Number', '1', 'x-number', '2'], '1, 2'],
    ['path:/v1/contacts/{number}', '/v1/contacts/4915', [], '4915'],
    ['path:/v1/contacts/{number}', '/v1/contacts/4915/block/now', [], '4915'],
    ['path:/v1/contacts/{number}', '/v1/contacts', [], null],
    ['path:/v1/contacts/{number}', '/v1/Contacts/4915', [], '4915'],
    [block, '/v1/contacts/4915/block', [], '4915'],
    [block, '/v1/contacts/4915/block/now', [], '4915'],
    [block, '/v1/contacts/4915/blocked', [], null],
    [block, '/v1/contacts/4915', [], null],
    // Two spellings of one value.
    ['path:/v1/contacts/{number}', '/v1/contacts/%2B4915', [], '+4915'],
    ['path:/v1/contacts/{number}', '/v1/contacts/+4915', [], '+4915'],
    ['path:/v1/contacts/{number}', '/v1/contacts/%E4', [], '%E4'], // Not UTF-8: as it is.
  ])('%s takes from %s with %j: %j', (text, path, fields, value) => {
    expect(scopeValue(scope(text), messageFrom('anna', { path, fields }))).toBe(value);
  });
});

describe('Requests with one value share a bucket and a line', () => {
  test('those of others are not held up by them', async () => {
    const lines = new Lines(scoped('principal'));
    for (const label of ['a1', 'a2', 'a3', 'b1', 'b2']) lines.arrive(label, { user: label.slice(0, 1) });
    await lines.clock.advance(1_000);
    expect(lines.sent.filter((sent) => sent.startsWith('a'))).toEqual(['a1@0', 'a2@100', 'a3@200']);
    expect(lines.sent.filter((sent) => sent.startsWith('b'))).toEqual(['b1@0', 'b2@100']);
  });

  test('with the scope fleet all of a class do', async () => {
    const lines = new Lines(scoped('fleet'));
    for (const label of ['a1', 'b1', 'a2']) lines.arrive(label, { user: label.slice(0, 1) });
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a1@0', 'b1@100', 'a2@200']);
    expect(new Set(lines.asked)).toEqual(new Set(['messages']));
  });

  test('as do all those without a value', async () => {
    const lines = new Lines(scoped('header:X-Number'));
    for (const label of ['x', 'y']) lines.arrive(label, { user: label });
    lines.arrive('1', number('1'));
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['x@0', '1@0', 'y@100']);
    expect(new Set(lines.asked)).toEqual(new Set(['messages:none', 'messages:digest of 1']));
  });

  test('a request that the Coreapp sent back goes back to its own, in front of everybody younger', async () => {
    const lines = new Lines(scoped('header:X-Number'));
    const a = lines.arrive('a', number('1'));
    await lines.clock.advance(1);
    lines.arrive('b', number('1'));
    lines.arrive('o', number('2'));
    lines.sendBack(a);
    await lines.clock.advance(1_000);
    expect(lines.sent).toEqual(['a@0', 'o@1', 'a@100', 'b@200']);
  });
});

describe('The class as a whole bounds', () => {
  test('how many wait, over all its lines', async () => {
    const lines = new Lines(scoped('principal', { lineMaxRequests: 3 }));
    const visits = ['a', 'a', 'a', 'b', 'b', 'b', 'c'].map((user) => lines.arrive(user, { user }));
    await lines.clock.settle();
    expect(visits.map(({ state }) => state)).toEqual([
      ...['sent', 'waiting', 'waiting'],
      ...['sent', 'waiting', 'lineFull'],
      'lineFull',
    ]);
    expect(lines.line()).toMatchObject({ requests: 3 });
    await lines.clock.advance(1_000);
    expect(lines.line()).toMatchObject({ requests: 0, oldestMs: 0 });
  });

  test('what is in flight: its gates take turns for a permit', async () => {
    const lines = oneAtATime('principal');
    for (const user of 'aaabbbccc') lines.arrive(user, { user });
    await lines.clock.advance(1_000);
    expect(labels(lines)).toBe('aabcabcbc');
  });
});

test('A caller that invents values has no more turns for a permit than one that has a single value', async () => {
  const lines = oneAtATime('header:X-Number');
  for (let i = 0; i < 8; i++) lines.arrive('a', by('a', `${i}`));
  for (let i = 0; i < 3; i++) lines.arrive('b', by('b', 'own'));
  await lines.clock.advance(1_000);
  expect(labels(lines)).toBe('aababab'.padEnd(11, 'a'));
});

describe('A bucket that is full again', () => {
  test('costs nothing after a while: no gate, no trace in the store, no timer', async () => {
    const lines = new Lines(scoped('header:X-Number'));
    for (let value = 0; value < 50; value++) lines.arrive('a', number(`${value}`));
    await lines.clock.advance(0);
    const buckets = new Set(lines.asked);
    expect(lines.live()).toBe(50);
    await lines.clock.advance(25_000);
    expect(lines.live()).toBe(0);
    expect(new Set(lines.forgotten)).toEqual(buckets);
    expect(lines.clock.pending).toBe(0);
  });

  test('leaves no timer behind of somebody who waited for a permit and hung up', async () => {
    const lines = new Lines({ ...scoped('header:X-Number', { holdMaxMs: 3_600_000 }), permitsMax: 1 });
    lines.arrive('a', number('1'));
    await lines.clock.advance(0);
    const b = lines.arrive('b', number('2'));
    await lines.clock.advance(5_000);
    expect(b.state).toBe('waiting');
    b.downstream.hangUp();
    await lines.clock.advance(20_000);
    expect([lines.live(), lines.clock.pending]).toEqual([0, 0]);
  });

  test('makes room for a newcomer at once', async () => {
    const lines = new Lines(scoped('header:X-Number', { scopesMax: 2 }));
    lines.arrive('a', number('1'));
    lines.arrive('b', number('2'));
    await lines.clock.advance(200);
    expect(await lines.told('c', number('3'))).toBe('sent');
    expect([lines.live(), lines.forgotten]).toEqual([1, ['messages:digest of 1', 'messages:digest of 2']]);
  });
});

describe('A bucket that is not', () => {
  test('is kept, and the newcomer refused: nobody gets a fresh burst by coming back as a newcomer', async () => {
    const lines = new Lines(scoped('header:X-Number', { scopesMax: 1, burst: 20 }));
    for (let i = 0; i < 20; i++) lines.arrive(`a${i}`, number('1'));
    await lines.clock.advance(500);
    expect(await lines.told('b', number('2'))).toBe('scopesFull');
    expect(await lines.told('a', number('1'))).toBe('sent');
    await lines.clock.advance(1_000);
    expect(await lines.told('b', number('2'))).toBe('scopesFull');
    await lines.clock.advance(2_000); // 21 were used, and a few lapsed that were taken ahead.
    expect(await lines.told('b', number('2'))).toBe('sent');
  });

  test('is looked for at most ten times a second: newcomers without end cost next to nothing', async () => {
    const lines = new Lines(scoped('header:X-Number', { scopesMax: 1 }));
    lines.arrive('a', number('1'));
    await lines.clock.run(60);
    expect(await lines.told('b', number('2'))).toBe('scopesFull');
    await lines.clock.run(130); // Full again since 100.
    expect(await lines.told('b', number('2'))).toBe('scopesFull');
    await lines.clock.run(160);
    expect(await lines.told('b', number('2'))).toBe('sent');
  });

  test('is kept while somebody waits', async () => {
    const lines = new Lines({ ...scoped('header:X-Number', { scopesMax: 1, rate: 1_000 }), permitsMax: 1 });
    lines.arrive('a', number('1'));
    lines.arrive('b', number('1'));
    await lines.clock.advance(60_000); // What b lacks is a permit.
    expect(lines.arrive('c', number('2')).state).toBe('scopesFull');
    expect(lines.live()).toBe(1);
  });

  test('refuses as documented, and says when to come back', () => {
    const lines = new Lines(scoped('header:X-Number', { scopesMax: 1 }));
    lines.arrive('a', number('1'));
    expect(lines.arrive('b', number('2')).admission).toMatchObject({ name: 'scopesFull', retryAfterMs: 1_000 });
    expect(refusalTable.scopesFull).toMatchObject({ status: 503, blame: 'weir' });
  });

  test('does not keep out what the Coreapp sends back, though its own gate has gone meanwhile', async () => {
    const lines = new Lines(scoped('header:X-Number', { scopesMax: 1 }));
    const a = lines.arrive('a', number('1'));
    await lines.clock.advance(200);
    lines.arrive('b', number('2'));
    lines.sendBack(a);
    await lines.clock.advance(0);
    expect([a.state, lines.live()]).toEqual(['sent', 2]);
  });
});

describe('Invented values', () => {
  test('never make more buckets live than allowed, nor any of them faster than its limit', async () => {
    const visits = fc.array(fc.record({ pauseMs: fc.nat(60), value: fc.nat(12) }), { minLength: 1, maxLength: 150 });
    await fc.assert(
      fc.asyncProperty(visits, fc.integer({ min: 1, max: 8 }), async (arrivals, scopesMax) => {
        const lines = new Lines(scoped('header:X-Number', { scopesMax, burst: 2 }));
        for (const { pauseMs, value } of arrivals) {
          await lines.clock.advance(pauseMs);
          lines.arrive(`${value}`, number(`${value}`));
          expect(lines.live()).toBeLessThanOrEqual(scopesMax);
        }
        await lines.clock.advance(60_000);
        expect(lines.line()).toMatchObject({ requests: 0 });
        for (let value = 0; value <= 12; value++) {
          const at = lines.sent
            .filter((sent) => sent.startsWith(`${value}@`))
            .map((sent) => Number(sent.split('@')[1]));
          for (let i = 3; i < at.length; i++) {
            // Four within a second tenth would be two too many: 2 + 10/s.
            expect((at[i] as number) - (at[i - 3] as number)).toBeGreaterThanOrEqual(100);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('fill no more than one caller’s share: whoever brings its first finds a place, however many another invents', async () => {
    const lines = new Lines(scoped('header:X-Number', { scopesMax: 20, callerShareMax: 0.9 }));
    const refused = (caller: string, values: number): number => {
      const states = Array.from({ length: values }, (_, i) => lines.arrive('', by(caller, `${caller}${i}`)).state);
      return states.filter((state) => state === 'scopesFull').length;
    };
    expect([refused('a', 25), refused('b', 3), refused('c', 1)]).toEqual([7, 2, 0]);
    expect(lines.live()).toBe(20);
    await lines.clock.advance(25_000);
    expect([lines.live(), await lines.told('a', number('again'))]).toEqual([0, 'sent']);
  });

  test('are counted for who brought them first; others who use them are not kept out', async () => {
    const lines = new Lines(scoped('header:X-Number', { scopesMax: 10, callerShareMax: 0.9 }));
    for (let i = 0; i < 9; i++) lines.arrive('', by('a', `${i}`));
    const others = [lines.arrive('', by('b', '0')), lines.arrive('', by('b', 'mine'))];
    expect([lines.arrive('', by('a', 'ten')).state, lines.live()]).toEqual(['scopesFull', 10]);
    await lines.clock.advance(200);
    expect(others.map(({ state }) => state)).toEqual(['sent', 'sent']);
  });

  test('of any length and with any characters name a bucket in one way only', () => {
    const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 20_000 });
    fc.assert(
      fc.property(texts, (value) => {
        const name = bucketName('messages', nodeSecrets.digest(value));
        expect(name).toMatch(/^messages:[0-9a-f]{64}$/); // No brace that Redis Cluster would read, no length.
        expect(classOfBucket(name)).toBe('messages');
      }),
    );
  });

  test.each([63, 64, 65, 16_000])('of %i characters are told apart', async (length) => {
    const lines = new Lines(scoped('header:X-Number'));
    for (const end of ['x', 'y']) lines.arrive(end, number('1'.repeat(length - 1) + end));
    await lines.clock.advance(0);
    expect(lines.sent).toEqual(['x@0', 'y@0']);
  });
});

test.each([
  ['429', 'throttled', 'the bucket of its own value only', ['a@0', 'b@0', 'a@2000']],
  ['503', 'overloaded', 'the whole class, whatever the value', ['a@0', 'a@2000', 'b@2000']],
] as const)('A %s of the Coreapp (%s) holds %s', async (_status, reason, _holds, sent) => {
  const lines = new Lines(scoped('header:X-Number'));
  const a = lines.arrive('a', number('1'));
  await lines.clock.settle();
  lines.sendBack(a, 2_000, 'failed', reason);
  lines.arrive('b', number('2'));
  await lines.clock.run(3_000);
  expect(lines.sent).toEqual(sent);
  if (reason === 'throttled') expect(lines.pushed).toEqual(['messages:digest of 1+2000@0']);
});

describe('A stop', () => {
  test('refuses all that wait in any line, and what the Coreapp sends back after it', async () => {
    const lines = new Lines(scoped('principal'));
    const visits = ['a', 'a', 'b', 'b'].map((user) => lines.arrive(user, { user }));
    await lines.clock.advance(0);
    lines.admit.refuseAll('stopping');
    lines.sendBack(visits[0] as (typeof visits)[number]);
    await lines.clock.advance(0);
    expect(visits.map(({ state }) => state)).toEqual(['stopping', 'stopping', 'sent', 'stopping']);
  });
});

describe('The scope', () => {
  const request = (target: string, fields: string[] = [], body = '') => {
    const [path = ''] = target.split('?');
    return messageFrom('a', { path, target, fields, body: keptInMemory(Buffer.from(body)) });
  };
  const json = ['Content-Type', 'application/json'];
  test.each<[scope: string, asked: Collected, value: string | null]>([
    ['path:/{a}/{b}', request('/x/y'), 'x\0y'],
    ['path:/{a}/{b}', request('/x/y/z'), null],
    ['path:/{a}/{b}/**', request('/x/y/z'), 'x\0y'],
    ['path:/{a}/{b}/**', request('/x'), null],
    ['path:/*/{b}/**', request('/v23.0/1055/messages'), '1055'],
    ['path:/*/{b}', request('/v23.0/1055'), '1055'],
    ['path:/*/{b}', request('/v23.0/1055/messages'), null],
    ['path:/v1/{b}/end', request('/V1/%31/end'), '1'],
    ['query:account', request('/x?a=1&account=7%20a'), '7 a'],
    ['query:account', request('/x?accounts=7'), null],
    ['query:account', request('/x?account='), null],
    ['query:account', request('/x'), null],
    ['body:/to', request('/x', json, '{"to":"4915"}'), '4915'],
    ['body:/to', request('/x', json, '{"to":4915}'), '4915'],
    ['body:/to', request('/x', ['content-type', 'application/vnd.api+json; charset=utf-8'], '{"to":"1"}'), '1'],
    ['body:/to', request('/x', json, '{"to":"Zoë ✓"}'), 'Zoë ✓'],
    ['body:/to', request('/x', json, '{"to":null}'), null],
    ['body:/to', request('/x', json, '{"to":{}}'), null],
    ['body:/to', request('/x', json, '{"to":'), null],
    ['body:/to', request('/x', json), null],
    ['body:/to', request('/x', [], '{"to":"1"}'), null],
    ['body:/to', request('/x', [...json, 'Content-Encoding', 'gzip'], '{"to":"1"}'), null],
    ['body:/to', request('/x', json, `{"to":"1","x":"${'y'.repeat(2 ** 20)}"}`), null],
    ['body:/a~1b/0', request('/x', json, '{"a/b":["z"]}'), 'z'],
    ['path:/{a}/** + body:/to', request('/x/y', json, '{"to":"1"}'), 'x\x001'],
    ['path:/{a}/** + body:/to', request('/x/y', json, '{}'), null],
    ['fleet + query:a', request('/x?a=1'), 'fleet\x001'],
    ['principal + query:a', request('/x?a=1'), 'user:a\x001'],
  ])('%s is %j', (text, asked, value) => {
    expect(scopeValue(readScope(text) as Scope, asked)).toBe(value);
  });
});
