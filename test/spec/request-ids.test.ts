/** Request ids are random UUIDs (RFC 9562, 5.4): no two alike, and every digit that may differ does. */
import { expect, it } from 'vitest';
import { newRequestId } from '../../src/adapters/node/request-ids.ts';

const ids = Array.from({ length: 2_000 }, newRequestId);

it('Request ids are UUIDs of version 4', () => {
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

it('no two are alike', () => {
  expect(new Set(ids).size).toBe(ids.length);
});

it('each digit takes all its values', () => {
  const values = Array.from({ length: 36 }, (_, at) => new Set(ids.map((id) => id[at])).size);
  // Hyphens have one, the version has one, the variant four.
  const expected = [...'########-####-V###-v###-############'].map((kind) => ({ '#': 16, v: 4 })[kind] ?? 1);
  expect(values).toEqual(expected);
});
