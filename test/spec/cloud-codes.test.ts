/** Each code of docs/reference/cloud-api-codes.md, with each status that the vendor might give it. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { retryPolicies } from '../../src/app/traits.ts';
import type { RouteClass } from '../../src/exchange/route.ts';
import { createSignals } from '../../src/signals/signals.ts';
import type { TriedRequest, Verdict } from '../../src/upstream/retry-policy.ts';
import { config, load } from '../support/config.ts';

const page = readFileSync(new URL('../../docs/reference/cloud-api-codes.md', import.meta.url), 'utf8');
const { throttled } = config(load('profile: cloud', { UPSTREAM_URL: 'http://127.0.0.1:9000' }));
const clock = { wallMs: () => 0 };
const policy = createSignals(
  throttled.all,
  throttled.byClass,
  retryPolicies.cloud({ clock, honoursIdempotencyKey: [], brokenRepeatsMax: 2 }),
  { wallMs: () => 0, random: () => 0, decode: () => null },
);

function answered(code: number, status: number, request: TriedRequest = message()): Verdict {
  const bytes = Buffer.from(JSON.stringify({ error: { code, message: 'x' } }));
  return policy.answered(request, status, ['Content-Type', 'application/json'], { bytes, ended: true });
}

function message(): TriedRequest {
  const route = { by: 'coreapp', class: 'messages' as RouteClass, access: 'user' } as const;
  return { method: 'POST', target: '/', route, fields: [], brokenRepeats: 0, refusals: 0 };
}

/** As the table has it: `4, 17, 200 to 299`. */
const codesIn = (cell: string): number[] =>
  cell.split(', ').flatMap((part) => {
    const [from = '', to = from] = part.split(' to ');
    return [Number(from), Number(to)];
  });
const rows = [...page.matchAll(/^\| (\d[\d, to]*) \| [^|]* \| ([^|]*) \| ([^|]*) \|$/gm)].map(
  ([, codes = '', then = '', pauses = '']) => [codes, then, pauses] as const,
);
const statuses = [400, 401, 403, 404, 408, 429, 500, 502, 503];

test('there are all of them', () => expect(rows).toHaveLength(11));

describe.each(rows)('%s: %s', (codes, then, pauses) => {
  const cases = codesIn(codes).flatMap((code) => statuses.map((status) => [code, status] as const));

  test.each(cases)('%d with the status %d', (code, status) => {
    const verdict = answered(code, status);
    const as = / as (\d+)/.exec(then)?.[1];
    if (then.startsWith('again')) {
      expect(verdict).toMatchObject({ kind: 'retry', signal: { as: as === undefined ? null : Number(as) } });
      const of = pauses.startsWith('that recipient') ? 1 : pauses.startsWith('the class') ? 'class' : 'bucket';
      expect(verdict).toMatchObject({ signal: { of, bulk: false } });
      return;
    }
    expect(verdict.kind).toBe('pass');
    const signal = verdict.kind === 'pass' ? verdict.signal : undefined;
    const told = signal?.as ?? status;
    const isMisread = [401, 429, 503].includes(status);
    if (then.endsWith('always') || isMisread) {
      const wanted = status === 401 && then.includes('500') ? 503 : Number(as);
      expect(told).toBe(wanted);
    } else expect(told).toBe(status);
    expect(signal?.bulk ?? false).toBe(pauses.includes('an alarm'));
    expect(signal?.warn !== undefined).toBe(
      pauses.includes('the log warns') || (status === 401 && then.includes('500')),
    );
  });
});

test('pauses grow with the refusals of a request by the same rule, up to a bound', () => {
  const request = message();
  const pauseMs = (code: number): number => {
    const verdict = answered(code, 400, request);
    return verdict.kind === 'retry' ? verdict.pauseMs : 0;
  };
  const pauses = (code: number): number[] => [1, 2, 3, 4, 5, 6, 7].map(() => pauseMs(code) / 1_000);
  // What one limit says is nothing about another one.
  expect(pauses(131057)).toEqual([1, 2, 4, 8, 16, 32, 60]);
  expect(pauses(131056)).toEqual([1, 4, 16, 60, 60, 60, 60]);
  expect(pauses(130429)).toEqual([1, 2, 4, 8, 16, 30, 30]);
  expect(pauseMs(131056)).toBe(60_000);
  const other = answered(131056, 400);
  expect(other.kind === 'retry' && other.pauseMs).toBe(1_000);
});
