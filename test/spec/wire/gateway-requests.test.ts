/**
 * The table of the wire on a whole Weir: bytes in, the statuses, whether the connection goes on, what arrived. `npm run
 * bench:strict` plays the same rows on nginx and HAProxy.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../../support/app.ts';
import { rows } from './rows/index.ts';
import { type Cut, faultIn, play, Recorder } from './rows/play.ts';
import type { Row } from './rows/row.ts';

let app: TestApp;
let recorder: Recorder;
let auth: string;

beforeAll(async () => {
  recorder = await Recorder.start();
  const free = '{ rate: 1000000, burst: 1000000 }';
  app = await startTestApp(recorder.url, `limits: { default: ${free}, contacts: ${free} }`);
  auth = `Authorization: Bearer ${app.token}\r\n`;
});
afterAll(async () => {
  await app.close(0);
  await recorder[Symbol.asyncDispose]();
});

const played = async (row: Row, cut: Cut): Promise<string | null> =>
  faultIn(row, await play(row, cut, { port: app.port, auth, recorder }));

it('has some 400 rows, each of which is another', () => {
  expect(rows.length).toBeGreaterThanOrEqual(400);
  const names = rows.map(({ section, what }) => `${section} ${what}`);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});

describe.each([...new Set(rows.map(({ section }) => section))])('section %s', (section) => {
  const own = rows.filter((row) => row.section === section);

  it.each(own.map((row) => [row.what, row] as const))('%s', async (_, row) => {
    expect(await played(row, 'whole')).toBeNull();
    expect(await played(row, 'two parts')).toBeNull();
    if (row.bytes.length < 200) expect(await played(row, 'byte by byte')).toBeNull();
  });
});
