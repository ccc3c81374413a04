/** What a caller is told whose body is no JSON: how much was read, where it went wrong, and nothing of what it said. */
import { expect, test } from 'vitest';
import { refuse } from '../../src/exchange/refusals.ts';
import { readJson } from '../../src/profiles/coreapp/json-body.ts';

test.each<[string, body: string | Buffer, details: string]>([
  ['is cut off', '{"new_password":', 'it was 16 bytes, and ended too early'],
  ['is cut off within a text', '{"new_password":"Secret', 'it was 23 bytes, and no JSON from character 24 on'],
  ['has a name without quotes', '{password:1}', 'it was 12 bytes, and no JSON from character 2 on'],
  ['goes on behind its end', '{} Secret', 'it was 9 bytes, and no JSON from character 4 on'],
  ['is something else', 'Secret at position 7', 'it was 20 bytes, and no JSON'],
  ['is a single character', 'x', 'it was 1 byte, and no JSON'],
  ['is in another encoding', Buffer.from('{"new_password":"é"}', 'latin1'), 'it was 20 bytes, and not UTF-8'],
])('a body that %s', (_, body, details) => {
  const told = readJson(Buffer.from(body as string), { required: [], optional: ['new_password'] });
  expect(told).toEqual(refuse('malformed', `The body must be JSON in UTF-8; ${details}.`));
});
