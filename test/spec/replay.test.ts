/** What may be sent again, and when. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { retryAfterMs } from '../../src/http/retry-after.ts';
import { isKeyed, replayAfterAnswer, replayAfterFailure } from '../../src/upstream/replay.ts';

describe('After an exchange that failed', () => {
  test.each<[method: string, unsent: string | null, sent: string | null, answering: string | null]>([
    // how far it got:  nothing written, written, answer begun
    ['GET', 'unsent', 'broken', null],
    ['HEAD', 'unsent', 'broken', null],
    ['PUT', 'unsent', 'broken', null],
    ['DELETE', 'unsent', 'broken', null],
    ['OPTIONS', 'unsent', 'broken', null],
    ['TRACE', 'unsent', 'broken', null],
    ['POST', 'unsent', null, null],
    ['PATCH', 'unsent', null, null],
    ['PURGE', 'unsent', null, null],
    ['get', 'unsent', null, null], // Methods are case-sensitive: this is none that is known.
  ])('%s goes again as %s, %s, %s', (method, unsent, sent, answering) => {
    const reasons = (['unsent', 'sent', 'answering'] as const).map((phase) => replayAfterFailure(method, phase, false));
    expect(reasons).toEqual([unsent, sent, answering]);
  });

  test.each(['POST', 'PATCH', 'GET'])('%s goes again as broken where the Coreapp knows it by its key', (method) => {
    const reasons = (['unsent', 'sent', 'answering'] as const).map((phase) => replayAfterFailure(method, phase, true));
    expect(reasons).toEqual(['unsent', 'broken', null]);
  });
});

describe('A request has a key by which it is known again', () => {
  test.each<[yes: boolean, method: string, fields: readonly string[]]>([
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
    expect(isKeyed(method, fields)).toBe(yes);
  });
});

describe('After an answer', () => {
  test.each([
    [429, 'throttled'],
    [503, 'overloaded'],
  ])('%i goes again as %s', (status, reason) => {
    expect(replayAfterAnswer(status)).toBe(reason);
  });

  test.each([200, 201, 204, 304, 400, 401, 403, 404, 408, 409, 413, 425, 428, 430, 500, 501, 502, 504, 511, 529])(
    '%i is the caller’s',
    (status) => {
      expect(replayAfterAnswer(status)).toBeNull();
    },
  );
});

describe('Retry-After', () => {
  const now = Date.UTC(2026, 10, 23, 12, 0, 0);

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
    expect(retryAfterMs(value, now)).toBe(ms);
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
        expect(new Date(now).getHours()).toBe(7);
        expect(retryAfterMs(value, now)).toBe(30_000);
      },
    );
  });
});
