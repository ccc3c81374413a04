/**
 * The table of the wire on a whole Weir: bytes in, the answers, whether the connection goes on, what arrived. `npm run
 * bench:strict` plays the same rows on nginx and HAProxy. `cuts.test.ts` has every cut on the codec; `npm run cuts:wire`
 * has every cut in two on a whole Weir, which takes some minutes.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../../support/app.ts';
import { expectRefusal } from '../../support/refusals.ts';
import { leftOpen, rows, settings } from './rows/index.ts';
import { byteByByte, type Cut, faultIn, play, Recorder, whole } from './rows/play.ts';

/** Most rows end where it matters: in an empty line, or in the end of a body. */
const inTwo: readonly Cut[] = [
  () => [1],
  (length) => [length >> 1],
  (length) => [length - 2],
  (length) => [length - 1],
  (length) => [length >> 2, length - (length >> 2)],
];
/** Rows up to this length are also sent byte by byte. */
const shortBytes = 400;

/** Of a row of this length. */
function cutsFor(length: number): readonly Cut[] {
  if (length > shortBytes) return [whole, ...inTwo];
  const everyPlace = Array.from(
    { length: length - 1 },
    (_, at): Cut =>
      () => [at + 1],
  );
  return [whole, ...(process.env.WIRE_CUTS === 'every' ? everyPlace : inTwo), byteByByte];
}

let app: TestApp;
let recorder: Recorder;

beforeAll(async () => {
  recorder = await Recorder.start();
  app = await startTestApp(recorder.url, settings);
});
afterAll(async () => {
  await app.close(0);
  await recorder[Symbol.asyncDispose]();
});

it('has some 400 rows, each of which is another', () => {
  expect(rows.length).toBeGreaterThanOrEqual(400);
  const names = rows.map(({ section, what }) => `${section} ${what}`);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  expect(leftOpen.filter((name) => !rows.some(({ what }) => what === name))).toEqual([]);
});

describe.each([...new Set(rows.map(({ section }) => section))])('section %s', (section) => {
  const own = rows.filter((row) => row.section === section);

  it.each(own.map((row) => [row.what, row] as const))('%s', async (_, row) => {
    const auth = `Authorization: Bearer ${app.token}\r\n`;
    const { length } = row.bytes + (row.answer?.bytes ?? '');
    for (const cut of cutsFor(length)) {
      const seen = await play(row, cut, { port: app.port, auth, recorder });
      expect(faultIn(row, seen), `cut at ${cut(row.bytes.length).slice(0, 3)}`).toBeNull();
      if (row.answer !== undefined) continue;
      const refusals = seen.answers.filter(({ status }) => status >= 400);
      for (const told of refusals) expectRefusal(told, told.status, told.status === 401 ? 1005 : 1025);
    }
  });
});
