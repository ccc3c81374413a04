/** What may be sent again, and when. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EndpointClass } from '../../src/exchange/route.ts';
import { retryAfterMs } from '../../src/http/retry-after.ts';
import { createRetryPolicy } from '../../src/profiles/coreapp/retry.ts';
import { createRetryPolicy as createPolicyOfAny } from '../../src/profiles/none/retry.ts';
import { pass, passOverloaded } from '../../src/upstream/retry-policy.ts';
import { nothingYet } from '../../src/upstream/undecided.ts';

const wallMs = Date.UTC(2026, 10, 23, 12, 0, 0);
const policy = createRetryPolicy({
  clock: { wallMs: () => wallMs },
  honoursIdempotencyKey: ['messages'],
  brokenRepeatsMax: 2,
});
const request = (name: EndpointClass, method = 'POST', brokenRepeats = 0) => {
  return {
    method,
    target: '/any',
    route: { by: 'coreapp', class: name, access: 'user' },
    fields: [] as string[],
    brokenRepeats,
    refusals: 0,
  } as const;
};
const phases = ['unsent', 'sent', 'answering'] as const;
const failed = (method: string, name: EndpointClass = 'contacts', sent: string[] = [], brokenRepeats = 0) =>
  phases.map((phase) => {
    return policy.failed(request(name, method, brokenRepeats), sent, { phase, cause: 'broken', detail: '' });
  });

describe('After an exchange that failed', () => {
  test.each<[method: string, unsent: boolean, sent: boolean, answering: boolean]>([
    // how far it got: nothing written, written, answer begun
    ['GET', true, true, false],
    ['HEAD', true, true, false],
    ['PUT', true, true, false],
    ['DELETE', true, true, false],
    ['OPTIONS', true, true, false],
    ['POST', true, false, false],
    ['PATCH', true, false, false],
    ['PURGE', true, false, false],
    ['get', true, false, false], // Methods are case-sensitive: this is none that is known.
  ])('%s goes again: %s, %s, %s', (method, ...again) => {
    expect(failed(method)).toEqual(again.map((yes) => ({ again: yes, teaches: true })));
  });

  test.each([
    [1, true],
    [2, false],
    [3, false],
  ])('after %i repeats it goes again once bytes were written: %s', (brokenRepeats, again) => {
    expect(failed('GET', 'contacts', [], brokenRepeats).map((verdict) => verdict.again)).toEqual([true, again, false]);
  });
});

describe('A request has a key by which it is known again', () => {
  test.each<[yes: boolean, method: string, fields: string[]]>([
    [true, 'POST', ['Idempotency-Key', '"8e03978e-40d5-43e8-bc93-6894a57f9324"']],
    [true, 'PATCH', ['idempotency-key', 'order-17']],
    [false, 'POST', []],
    [false, 'POST', ['Idempotency-Key', '']],
    [false, 'POST', ['Idempotency-Key', '""']],
    [false, 'POST', ['Idempotency-Key', 'a', 'Idempotency-Key', 'b']],
    [false, 'POST', ['X-Idempotency-Key', 'a']],
    [false, 'PURGE', ['Idempotency-Key', 'a']],
    [false, 'post', ['Idempotency-Key', 'a']],
  ])('%s: %s with %j', (yes, method, fields) => {
    const again = (name: EndpointClass) => failed(method, name, fields).map((verdict) => verdict.again);
    expect(again('messages')).toEqual([true, yes, false]);
    expect(again('contacts')).toEqual([true, false, false]);
  });
});

describe('After an answer', () => {
  test.each([
    [429, 'rate'],
    [503, 'load'],
  ])('%i goes again: the limit that is reached is the %s', (status, limit) => {
    const answered = (fields: string[]) => policy.answered(request('contacts'), status, fields, nothingYet);
    expect(answered([])).toEqual({ kind: 'retry', limit, pauseMs: 0 });
    expect(answered(['retry-after', '2'])).toEqual({ kind: 'retry', limit, pauseMs: 2_000 });
    expect(answered(['Retry-After', 'Mon, 23 Nov 2026 12:00:30 GMT'])).toEqual({
      kind: 'retry',
      limit,
      pauseMs: 30_000,
    });
  });

  test.each([200, 201, 204, 304, 400, 401, 403, 404, 408, 409, 413, 425, 428, 430, 500, 501, 502, 504, 511, 529])(
    '%i is the caller’s',
    (status) => {
      expect(policy.answered(request('contacts'), status, ['Retry-After', '2'], nothingYet)).toEqual({ kind: 'pass' });
    },
  );
});

describe('Retry-After', () => {
  test.each<[string, string | null, ms: number]>([
    ['none', null, 0],
    ['no seconds', '0', 0],
    ['seconds', '120', 120_000],
    ['seconds with space around', ' 7 ', 7_000],
    ['seconds with zeros in front', '007', 7_000],
    ['more seconds than anybody waits', '99999999999', 99_999_999_999_000],
    ['more seconds than a number can tell', '9'.repeat(400), Number.MAX_SAFE_INTEGER],
    ['a date', 'Mon, 23 Nov 2026 12:00:30 GMT', 30_000],
    ['a date of RFC 850', 'Monday, 23-Nov-26 12:00:30 GMT', 30_000],
    ['a date of asctime', 'Mon Nov 23 12:00:30 2026', 30_000],
    ['a date of asctime, early in the month', 'Tue Dec  1 12:00:00 2026', 8 * 86_400_000],
    ['a date a year ahead', 'Tue, 23 Nov 2027 12:00:00 GMT', 365 * 86_400_000],
    ['this very second', 'Mon, 23 Nov 2026 12:00:00 GMT', 0],
    ['a date that is past', 'Sun, 06 Nov 1994 08:49:37 GMT', 0],
    ['a date that does not exist', 'Mon, 99 Foo 2026 12:00:30 GMT', 0],
    ['a fraction', '1.5', 0],
    ['a negative number', '-5', 0],
    ['a sign', '+5', 0],
    ['hexadecimal', '0x10', 0],
    ['a unit', '5s', 0],
    ['a word', 'soon', 0],
    ['a day alone', 'Monday', 0],
    ['a month and a year', 'May 2099', 0],
    ['an ISO date', '2027-01-01T00:00:00Z', 0],
    ['nothing', '', 0],
    ['two values', '5, 10', 0],
  ])('%s (%s) is that many milliseconds', (_, value, ms) => {
    expect(retryAfterMs(value, wallMs)).toBe(ms);
  });

  describe('on a machine that is not in Greenwich', () => {
    const zone = process.env.TZ;
    beforeAll(() => {
      process.env.TZ = 'America/New_York';
    });
    afterAll(() => {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    });

    test.each(['Mon, 23 Nov 2026 12:00:30 GMT', 'Monday, 23-Nov-26 12:00:30 GMT', 'Mon Nov 23 12:00:30 2026'])(
      '%s is GMT all the same',
      (value) => {
        expect(new Date(wallMs).getHours()).toBe(7);
        expect(retryAfterMs(value, wallMs)).toBe(30_000);
      },
    );
  });
});

describe('An API of which no more is known than HTTP', () => {
  const any = createPolicyOfAny({
    clock: { wallMs: () => wallMs },
    honoursIdempotencyKey: ['orders'],
    brokenRepeatsMax: 2,
  });
  const key = ['Idempotency-Key', '"8e03978e"'];
  const answered = (method: string, status: number, fields: string[] = [], sent: string[] = [], name = 'orders') =>
    any.answered({ ...request(name, method), fields: sent }, status, fields, nothingYet);
  const later = ['Retry-After', '3'];

  test.each([
    ['a GET that is answered 503', answered('GET', 503), { kind: 'retry', limit: 'load', pauseMs: 0 }],
    ['a DELETE that is', answered('DELETE', 503), { kind: 'retry', limit: 'load', pauseMs: 0 }],
    ['a POST whose 503 says when', answered('POST', 503, later), { kind: 'retry', limit: 'load', pauseMs: 3_000 }],
    ['a POST that has a key', answered('POST', 503, [], key), { kind: 'retry', limit: 'load', pauseMs: 0 }],
    ['a POST that is answered 429', answered('POST', 429), { kind: 'retry', limit: 'rate', pauseMs: 0 }],
  ])('has %s sent again', (_, verdict, expected) => expect(verdict).toEqual(expected));

  test.each([
    ['a POST that is answered 503 and nothing else', answered('POST', 503), passOverloaded],
    ['a PATCH that is', answered('PATCH', 503), passOverloaded],
    ['one of a method that nobody knows', answered('PURGE', 503), passOverloaded],
    ['a POST with a key where no key is honoured', answered('POST', 503, [], key, 'others'), passOverloaded],
    ['a GET that is answered 502', answered('GET', 502), pass],
    ['a GET that is answered 504', answered('GET', 504, later), pass],
  ])('does not have %s sent again', (_, verdict, expected) => expect(verdict).toBe(expected));
});
