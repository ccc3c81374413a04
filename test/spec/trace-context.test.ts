/** W3C Trace Context: what is read, and what is left. */
import { describe, expect, it } from 'vitest';
import { newSpanId, newTraceParent } from '../../src/adapters/node/trace-ids.ts';
import { traceParentIn, traceParentOf, traceStateIn } from '../../src/http/trace-context.ts';
import { samplerOf } from '../../src/observe/sampling.ts';

const id = '4bf92f3577b34da6a3ce929d0e0e4736';
const parent = '00f067aa0ba902b7';
const read = (...values: string[]) => traceParentIn(values.flatMap((value) => ['Traceparent', value]));

describe('traceparent', () => {
  it.each<[string, string, number]>([
    ['sampled', `00-${id}-${parent}-01`, 1],
    ['not sampled', `00-${id}-${parent}-00`, 0],
    ['with a random trace id (level 2)', `00-${id}-${parent}-03`, 3],
    ['with flags that nobody knows, which are dropped', `00-${id}-${parent}-fe`, 2],
    ['of a later version', `cc-${id}-${parent}-01`, 1],
    ['of a later version with more behind it', `cc-${id}-${parent}-01-what-the-future-has`, 1],
    ['of a later version with a hyphen behind it', `01-${id}-${parent}-01-`, 1],
  ])('%s', (_, value, flags) => {
    expect(read(value)).toEqual({ traceId: id, parentId: parent, flags });
  });

  it.each<[string, ...string[]]>([
    ['none'],
    ['an empty one', ''],
    ['two', `00-${id}-${parent}-01`, `00-${id}-${parent}-01`],
    ['version ff', `ff-${id}-${parent}-01`],
    ['version 00 with more behind it', `00-${id}-${parent}-01-x`],
    ['a later version with anything but a hyphen behind it', `01-${id}-${parent}-01.x`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${parent}-01`],
    ['a parent id of zeros', `00-${id}-${'0'.repeat(16)}-01`],
    ['upper case', `00-${id.toUpperCase()}-${parent}-01`],
    ['upper case flags', `00-${id}-${parent}-0A`],
    ['a short trace id', `00-${id.slice(1)}-${parent}-01`],
    ['a long trace id', `00-${id}a-${parent}-01`],
    ['a short parent id', `00-${id}-${parent.slice(1)}-01`],
    ['short flags', `00-${id}-${parent}-1`],
    ['long flags', `00-${id}-${parent}-001`],
    ['a short version', `0-${id}-${parent}-01`],
    ['other separators', `00.${id}.${parent}.01`],
    ['what is no hexadecimal digit', `00-${id.replace('4', 'g')}-${parent}-01`],
    ['no flags', `00-${id}-${parent}`],
    ['one behind a no-break space, which is no blank of HTTP', `\u00a000-${id}-${parent}-01`],
    ['a list', `00-${id}-${parent}-01,00-${id}-${parent}-01`],
  ])('is not there if it is %s', (_, ...values) => {
    expect(read(...values)).toBeNull();
  });

  it('of a trace that begins has ids that nobody had before, and says that they are random', () => {
    const parents = Array.from({ length: 1_000 }, () => read(newTraceParent()));
    expect(new Set(parents.map((one) => one?.traceId)).size).toBe(1_000);
    const spans = Array.from({ length: 1_000 }, () => newSpanId());
    expect(new Set([...parents.map((one) => one?.parentId), ...spans]).size).toBe(2_000);
    expect(spans.filter((one) => !/^[\da-f]{16}$/.test(one))).toEqual([]);
    expect(new Set(parents.map((one) => one?.flags))).toEqual(new Set([2]));
    // Each digit is of any value, wherever it stands.
    for (let at = 0; at < 32; at++) expect(new Set(parents.map((one) => one?.traceId[at])).size).toBe(16);
  });

  it('is written as version 00', () => {
    expect(traceParentOf(id, parent, 3)).toBe(`00-${id}-${parent}-03`);
  });
});

const state = (...values: string[]): string => traceStateIn(values.flatMap((value) => ['tracestate', value]));
const members = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}=v`).join(',');

describe('tracestate', () => {
  it.each<[string, string, ...string[]]>([
    ['one member', 'a=1', 'a=1'],
    ['several, in their order', 'b=2,a=1', 'b=2,a=1'],
    ['blanks and empty members between them', 'a=1,b=2', 'a=1 , ,\tb=2,'],
    ['several fields, joined', 'a=1,b=2,c=3', 'a=1', 'b=2,c=3'],
    ['blanks within a value', 'a=x y', 'a=x y'],
    ['the key of a tenant', 't1@sys=1', 't1@sys=1'],
    ['a key that begins with a digit (level 2)', '1a-_*/=1', '1a-_*/=1'],
    ['32 members', members(32), members(32)],
    ['a value of 256 characters', `a=${'x'.repeat(256)}`, `a=${'x'.repeat(256)}`],
  ])('%s', (_, told, ...values) => {
    expect(state(...values)).toBe(told);
  });

  it.each<[string, ...string[]]>([
    ['none'],
    ['33 members', members(33)],
    ['33 members in two fields', members(20), members(33).split(',').slice(20).join(',')],
    ['the same key twice', 'a=1,b=2,a=3'],
    ['no value', 'a='],
    ['no equals sign', 'a'],
    ['two of them', 'a=b=c'],
    ['a key in upper case', 'A=1'],
    ['a blank before the equals sign', 'a =1'],
    ['a long key', `${'a'.repeat(257)}=1`],
    ['a long value', `a=${'x'.repeat(257)}`],
    ['a character that is not ASCII', 'a=\xe9'],
    ['one bad member among good ones', 'a=1,B=2,c=3'],
  ])('is dropped whole if it is %s', (_, ...values) => {
    expect(state(...values)).toBe('');
  });

  it('loses whole members above 512 characters: long ones first, then those at its end', () => {
    const long = `long=${'x'.repeat(200)}`;
    const short = Array.from({ length: 5 }, (_, i) => `k${i}=${'y'.repeat(90)}`);
    expect(state([long, ...short].join(','))).toBe(short.join(','));
    const many = Array.from({ length: 7 }, (_, i) => `k${i}=${'y'.repeat(90)}`);
    expect(state(many.join(','))).toBe(many.slice(0, 5).join(','));
  });
});

describe('a sampler', () => {
  const ending = (digits: string): string => 'a'.repeat(32 - digits.length) + digits;

  it.each<[Parameters<typeof samplerOf>[0], root: boolean, sampled: boolean, not: boolean]>([
    ['always_on', true, true, true],
    ['always_off', false, false, false],
    ['parentbased_always_on', true, true, false],
    ['parentbased_always_off', false, true, false],
    ['parentbased_traceidratio', false, true, false],
  ])('%s', (name, root, sampled, not) => {
    const sampler = samplerOf(name, 0);
    expect([sampler(id, null), sampler(id, true), sampler(id, false)]).toEqual([root, sampled, not]);
  });

  it('by a ratio goes by the random part of the trace id: what a lower ratio takes, a higher one takes', () => {
    const quarter = samplerOf('traceidratio', 0.25);
    expect(quarter(ending('bfffffffffffff'), true)).toBe(false);
    expect(quarter(ending('c0000000000000'), false)).toBe(true);
    expect(samplerOf('traceidratio', 1)(ending('00000000000000'), null)).toBe(true);
    expect(samplerOf('traceidratio', 0)(ending('ffffffffffffff'), null)).toBe(false);
    expect(samplerOf('traceidratio', 1e-30)(ending('ffffffffffffff'), null)).toBe(false);
  });
});
