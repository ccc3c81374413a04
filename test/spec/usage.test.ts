/** What an answer tells of its use: in a field, in a JSON body, in the events of a stream. */
import { describe, expect, it, test } from 'vitest';
import type { UsagePlace } from '../../src/exchange/charge.ts';
import { UsageReader } from '../../src/upstream/usage.ts';

const total: UsagePlace = { by: 'body', pointers: [['usage', 'total_tokens']] };
const inAndOut: UsagePlace = {
  by: 'body',
  pointers: [
    ['usage', 'input_tokens'],
    ['usage', 'output_tokens'],
  ],
};
const field: UsagePlace = { by: 'field', name: 'x-tokens-used' };

function told(places: readonly UsagePlace[], fields: string[], body: readonly string[], trailers: string[] = []) {
  const reader = new UsageReader([places], fields);
  for (const piece of body) reader.add(Buffer.from(piece));
  reader.end(trailers);
  return reader.used()[0];
}

const json = ['Content-Type', 'application/json; charset=utf-8'];
const stream = ['Content-Type', 'text/event-stream'];
const usage = JSON.stringify({ id: 'x', usage: { total_tokens: 42, input_tokens: 30, output_tokens: 12 } });

describe('is told', () => {
  it.each([
    ['by a number in a body', [total], json, [usage], 42],
    ['by the sum of two', [inAndOut], json, [usage], 42],
    ['by a body of another JSON type', [total], ['Content-Type', 'application/problem+json'], [usage], 42],
    ['by a field', [field], ['X-Tokens-Used', '17'], [], 17],
    ['by the first place that says it', [field, total], json, [usage], 42],
    ['… in this order', [field, total], [...json, 'X-Tokens-Used', '17'], [usage], 17],
    ['by nothing, of a body that is no JSON', [total], ['Content-Type', 'text/plain'], [usage], null],
    ['by nothing, of a body without a type', [total], [], [usage], null],
    ['by nothing, of a body in a coding', [total], [...json, 'Content-Encoding', 'gzip'], [usage], null],
    ['by nothing, where one of the two is missing', [inAndOut], json, ['{"usage":{"input_tokens":3}}'], null],
    ['by nothing, where it is no number', [total], json, ['{"usage":{"total_tokens":"42"}}'], null],
    ['by nothing, where it is negative', [total], json, ['{"usage":{"total_tokens":-42}}'], null],
    ['by nothing, of a field that is no number', [field], ['X-Tokens-Used', '1e9'], [], null],
    ['by nothing, where there is no place', [], json, [usage], null],
  ])('%s', (_, places, fields, body, expected) => {
    expect(told(places, fields, body)).toBe(expected);
  });

  it('by a trailer', () => expect(told([field], json, [usage], ['X-Tokens-Used', '17'])).toBe(17));

  it('for each limit in places of its own', () => {
    const reader = new UsageReader([[total], [field, inAndOut], [field]], json);
    reader.add(Buffer.from('{"usage":{"total_tokens":9,"input_tokens":1,"output_tokens":2}}'));
    reader.end([]);
    expect(reader.used()).toEqual([9, 3, null]);
  });
});

describe('in the events of a stream', () => {
  const events = (end: string): string =>
    [
      ': a comment, then parts',
      'event: part',
      'data: {"choices":[{"delta":{"content":"\\"usage\\":{\\"total_tokens\\":1}"}}],"usage":null}',
      '',
      'data:{"usage":{"total_tokens":5}}',
      '',
      'id: 7',
      'data: {"choices":[],',
      'data: "usage":{"total_tokens":42}}',
      '',
      'data: [DONE]',
      '',
      '',
    ].join(end);

  test.each([
    ['\\n', '\n'],
    ['\\r\\n', '\r\n'],
    ['\\r', '\r'],
  ])('the last one counts, with lines that end in %s, wherever it is cut', (_, end) => {
    const text = events(end);
    for (let cut = 0; cut <= text.length; cut++) {
      expect(told([total], stream, [text.slice(0, cut), text.slice(cut)])).toBe(42);
    }
    expect(told([total], stream, [...text])).toBe(42);
  });

  test('an event that is cut off tells nothing but what came', () => {
    expect(told([total], stream, ['data: {"usage":{"total_tokens":5}}\n\ndata: {"usage":{"total_'])).toBe(5);
  });
});
