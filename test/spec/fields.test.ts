/** Header fields on their way through. */
import { describe, expect, test } from 'vitest';
import { endToEnd, FieldFilter, fieldOf, fieldsOf } from '../../src/http/fields.ts';

const fields = ['Accept', 'a', 'X-Twice', '1', 'x-twice', '2', 'ACCEPT-LANGUAGE', 'de'];

describe('A field is found', () => {
  test.each<[name: string, first: string | null, all: string[]]>([
    ['accept', 'a', ['a']],
    ['accept-language', 'de', ['de']],
    ['x-twice', '1', ['1', '2']],
    ['x-none', null, []],
    ['a', null, []], // A value is no name.
  ])('%s: %s', (name, first, all) => {
    expect(fieldOf(fields, name)).toBe(first);
    expect(fieldsOf(fields, name)).toEqual(all);
  });
});

describe('Of the fields of a message', () => {
  const none = new FieldFilter([]);

  test.each<[string, came: string[], travel: string[]]>([
    ['all that mean the whole way travel on, in order and as written', fields, fields],
    [
      'none travels that means one connection only',
      ['Connection', 'close', 'Keep-Alive', 'timeout=5', 'TE', 'trailers'],
      [],
    ],
    ['nor in another case', ['CONNECTION', 'Keep-Alive', 'transfer-ENCODING', 'chunked', 'Upgrade', 'x'], []],
    ['nor credentials for a proxy', ['Proxy-Authorization', 'Basic x', 'Proxy-Authenticate', 'Basic'], []],
    ['nor the old Proxy-Connection', ['Proxy-Connection', 'keep-alive', 'B', '1'], ['B', '1']],
    ['nor one that Connection names', ['X-Hop', '1', 'Connection', 'x-hop', 'X-Stay', '2'], ['X-Stay', '2']],
    ['nor any of several that it names', ['A', '1', 'Connection', 'close, A ,b', 'B', '2', 'C', '3'], ['C', '3']],
    ['nor one that a second Connection names', ['A', '1', 'Connection', 'close', 'connection', 'a'], []],
    ['each of a field that comes twice', ['Connection', 'a', 'A', '1', 'a', '2', 'B', '3'], ['B', '3']],
    ['an empty Connection names nothing', ['Connection', '', 'A', '1'], ['A', '1']],
  ])('%s', (_, came, travel) => {
    expect(endToEnd(came, none)).toEqual(travel);
  });

  test('those that Weir writes itself are left out', () => {
    expect(endToEnd(['Host', 'a', 'HOST', 'b', 'Accept', 'c'], new FieldFilter(['host']))).toEqual(['Accept', 'c']);
  });

  test('what is decided of a name stays so, however many others come, and however long they are', () => {
    const filter = new FieldFilter(['host', `x-${'a'.repeat(100)}`]);
    const names = Array.from({ length: 2_000 }, (_, i) => `X-${i}`);
    const fields = ['HOST', 'Host', 'Accept', `X-${'a'.repeat(100)}`, ...names].flatMap((name) => [name, 'value']);
    for (let i = 0; i < 3; i++) {
      const travel = endToEnd(fields, filter).filter((_, at) => at % 2 === 0);
      expect(travel).toEqual(['Accept', ...names]);
    }
  });
});
