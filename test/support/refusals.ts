/** What every answer of Weir's own looks like with the profile coreapp. */
import { expect } from 'vitest';
import type { RawAnswer } from './raw.ts';

/** A refusal: one error in the envelope of the original, for nobody's cache. */
export function expectRefusal(told: RawAnswer, status: number, code: number, details?: string | RegExp): void {
  expect(told).toMatchObject({ status, whole: true, json: { errors: [{ code }], meta: { api_status: 'stable' } } });
  expect(told.json.errors).toHaveLength(1);
  if (details instanceof RegExp) expect(told.json.errors[0].details).toMatch(details);
  else if (details !== undefined) expect(told.json.errors[0].details).toBe(details);
  expectWeirs(told);
}

export function expectWeirs(told: RawAnswer): void {
  expect(told.all('cache-control')).toEqual(['no-store']);
  expect(told.all('content-type')).toEqual(['application/json; charset=utf-8']);
  expect(told.all('x-request-id')).toEqual([expect.stringMatching(/^[\x21-\x7e]{1,128}$/)]);
  expect(told.all('date')).toHaveLength(1);
}
