/** Which of many patterns is meant by a request, and which can't be told apart. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { both, type Pattern, Patterns, patternForm, readPattern, relate } from '../../src/http/patterns.ts';

const read = (text: string): Pattern => readPattern(text, false);
const classesOf = (...texts: readonly string[]) => new Patterns(texts.map((text) => [read(text), text] as const));
const ask = (patterns: Patterns<string>, request: string, host = 'weir'): string | null => {
  const [method = '', folded = ''] = request.split(' ');
  return patterns.find({ method, folded, fields: ['Host', host] });
};

describe('A request is meant by the most exact pattern that takes it:', () => {
  const all = classesOf(
    'POST /v2/orders',
    '* /v2/orders/**',
    '* /v2/orders/{id}',
    'GET /v2/orders/{id}',
    '* /v2/orders/{id}/items/**',
    '* /v2/**',
    'GET files.example.com/v2/**',
    '* /{version}/me',
    '* /v2/me',
    '* /',
    '* /v2/orders.json',
  );
  test.each([
    ['POST /v2/orders', 'POST /v2/orders'],
    ['GET /v2/orders', '* /v2/orders/**'],
    ['GET /v2/orders/7', 'GET /v2/orders/{id}'],
    ['PUT /v2/orders/7', '* /v2/orders/{id}'],
    ['PUT /v2/orders/7/x', '* /v2/orders/**'],
    ['PUT /v2/orders/7/items', '* /v2/orders/{id}/items/**'],
    ['PUT /v2/orders/7/items/8/9', '* /v2/orders/{id}/items/**'],
    ['PUT /v2', '* /v2/**'],
    ['PUT /v2/me', '* /v2/me'],
    ['PUT /v3/me', '* /{version}/me'],
    ['PUT /v3/me/x', null],
    ['PUT /', '* /'],
    ['PUT /v22', null],
    ['GET /v2/orders.json', '* /v2/orders.json'],
    // What a lenient upstream takes for a name counts as that name.
    ['POST /v2/orders.xml', 'POST /v2/orders'],
    ['POST /v2/orders2', '* /v2/**'],
  ])('%s is of %s', (request, pattern) => {
    expect(ask(all, request)).toBe(pattern);
  });

  test.each([
    ['files.example.com', 'GET files.example.com/v2/**'],
    ['FILES.example.com:8080', 'GET files.example.com/v2/**'],
    ['files.example.com.', 'GET files.example.com/v2/**'],
    ['example.com', '* /v2/**'],
  ])('at the host %s GET /v2/x is of %s', (host, pattern) => {
    expect(ask(all, 'GET /v2/x', host)).toBe(pattern);
  });

  test('without regard to case, unless the upstream has it', () => {
    expect(ask(classesOf('* /V2/Orders'), 'GET /v2/orders')).toBe('* /V2/Orders');
    const strict = new Patterns([[readPattern('* /V2/Orders', true), 'strict']]);
    expect([ask(strict, 'GET /v2/orders'), ask(strict, 'GET /V2/Orders')]).toEqual([null, 'strict']);
  });
});

describe('Of two patterns', () => {
  test.each([
    ['POST /a', 'POST /a', 'same'],
    ['POST /a/{x}', 'POST /a/{y}', 'same'],
    ['POST /a', 'GET /a', 'apart'],
    ['POST /a', '* /a', 'narrower'],
    ['* /a/**', '* /a', 'wider'],
    ['* /a/**', '* /a/b/**', 'wider'],
    ['* /a/{x}', '* /a/b', 'wider'],
    ['* /a/{x}', '* /b/{x}', 'apart'],
    ['* /a/{x}/c', '* /a/b/{y}', 'crossing'],
    ['GET /a/{x}', '* /a/b', 'crossing'],
    ['* host.example/a', '* /a', 'narrower'],
    ['* host.example/**', '* /a', 'crossing'],
    ['* one.example/a', '* two.example/a', 'apart'],
    ['* /a/{x}', '* /a', 'apart'],
  ])('%s to %s is %s', (a, b, relation) => {
    const back = { narrower: 'wider', wider: 'narrower' }[relation] ?? relation;
    expect([relate(read(a), read(b)), relate(read(b), read(a))]).toEqual([relation, back]);
  });
});

const segment = fc.constantFrom('a', 'b', '{x}');
const patternText = fc
  .tuple(
    fc.constantFrom('*', 'GET', 'POST'),
    fc.constantFrom('', 'h1', 'h2'),
    fc.array(segment, { maxLength: 3 }),
    fc.boolean(),
  )
  .map(([method, host, segments, below]) => {
    const path = segments.map((one) => `/${one}`).join('');
    return `${method} ${host}${path}${below ? '/**' : path === '' ? '/' : ''}`;
  });
const requests = ['GET', 'POST', 'PUT'].flatMap((method) =>
  ['h1', 'h2', 'h3'].flatMap((host) =>
    ['/', '/a', '/b', '/c', '/a/a', '/a/b', '/c/b', '/a/b/a', '/b/c/c', '/a/a/a/a'].map((path) => ({
      method,
      folded: path,
      fields: ['Host', host],
    })),
  ),
);
const takes = (pattern: Pattern) => requests.map((request) => new Patterns([[pattern, true]]).find(request) === true);

describe('Whatever the patterns', () => {
  test('their relation is that of what they take', () => {
    fc.assert(
      fc.property(patternText, patternText, (a, b) => {
        expect([a, b].every((text) => patternForm.test(text))).toBe(true);
        const [ofA, ofB] = [takes(read(a)), takes(read(b))];
        const only = (one: boolean[], other: boolean[]) => one.some((taken, i) => taken && !other[i]);
        const shared = ofA.some((taken, i) => taken && ofB[i]);
        const relation = relate(read(a), read(b));
        if (relation === 'apart') expect(shared).toBe(false);
        if (relation === 'same') expect(ofA).toEqual(ofB);
        if (relation === 'narrower') expect(only(ofA, ofB)).toBe(false);
        if (relation === 'wider') expect(only(ofB, ofA)).toBe(false);
        if (relation === 'crossing') {
          const meeting = read(both(read(a), read(b)));
          expect(['narrower', 'same']).toContain(relate(meeting, read(a)));
          expect(['narrower', 'same']).toContain(relate(meeting, read(b)));
        }
      }),
    );
  });

  test('without two that cross, the one that is found is more exact than all others that take the request', () => {
    fc.assert(
      fc.property(fc.uniqueArray(patternText, { maxLength: 8 }), (texts) => {
        const known: Pattern[] = [];
        for (const one of texts.map(read)) {
          if (known.every((other) => !['same', 'crossing'].includes(relate(one, other)))) known.push(one);
        }
        const patterns = new Patterns(known.map((pattern) => [pattern, pattern] as const));
        for (const request of requests) {
          const taking = known.filter((pattern) => new Patterns([[pattern, true]]).find(request) === true);
          const found = patterns.find(request);
          expect(found === null).toBe(taking.length === 0);
          for (const other of taking)
            if (found !== null && other !== found) expect(relate(found, other)).toBe('narrower');
        }
      }),
    );
  });

  test('what is no pattern is not read as one', () => {
    for (const bad of ['/a', 'GET a', 'GET /a/', 'GET /a//b', 'GET /{a', 'GET /a/**/b', 'GET /a?b', 'GET  /a', '* *']) {
      expect(patternForm.test(bad), bad).toBe(false);
    }
  });
});
