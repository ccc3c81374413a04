/**
 * Other gateways as referees of the wire: what Weir accepts, nginx and HAProxy hand on with the same meaning, or refuse.
 * Each stands in front of a recording upstream. Where neither is installed, only the judge is tested. `WIRE_FUZZ_SEED` is
 * a number that replays a run, or `random`; `npm run fuzz:peers` tries 50,000 streams with another seed each time.
 */
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { missingFor, startPeer } from '../../bench/peers/peer.ts';
import { type Arrival, Recorder } from '../spec/wire/rows/play.ts';
import { dice } from '../support/dice.ts';
import { within } from '../support/until.ts';
import { cutAnywhere, type Meaning, mutated, pipeline, readStream, requestBases } from '../support/wire-streams.ts';

const given = process.env.WIRE_FUZZ_SEED ?? '1';
const seed = given === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(given);
const runs = Number(process.env.WIRE_FUZZ_RUNS ?? 2_000);

const installed = (['nginx', 'haproxy'] as const).filter((name) => missingFor(name) === null);

/** Each connection, or each gateway, has its own of these. */
const notCompared = new Set(
  (
    'connection content-length expect forwarded host http2-settings keep-alive proxy-authenticate proxy-authorization ' +
    'proxy-connection te trailer transfer-encoding upgrade via x-forwarded-for x-forwarded-host x-forwarded-proto'
  ).split(' '),
);

/** What the peers do otherwise, and nothing is read in two ways. */
const differences: readonly {
  readonly why: string;
  readonly is: (peer: string, meaning: Meaning, arrival: Arrival) => boolean;
}[] = [
  {
    why: 'nginx lets go of fields whose names have other characters than letters, digits and hyphens (ignore_invalid_headers)',
    is: (peer, meaning, arrival) =>
      peer === 'nginx' &&
      faultIn({ ...meaning, fields: namesOf(meaning, (name) => /^[a-z\d-]+$/i.test(name)) }, arrival) === null,
  },
];

const namesOf = ({ fields }: Meaning, is: (name: string) => boolean): readonly string[] =>
  fields.filter((_, i) => is(fields[i - (i % 2)] as string));

/** In which way an arrival is another request than was meant; null: it is that one. */
function faultIn(meaning: Meaning, arrival: Arrival): string | null {
  if (arrival.method !== meaning.method) return 'method';
  if (withoutHost(arrival.target) !== withoutHost(meaning.target)) return 'target';
  if (arrival.body !== meaning.body) return 'body';
  return JSON.stringify(compared(arrival.fields.flat())) === JSON.stringify(compared(meaning.fields)) ? null : 'fields';
}

/** A gateway may go on with the absolute form, or without it; an empty path is written as a slash (RFC 9112, 3.2). */
const withoutHost = (target: string): string => target.replace(/^https?:\/\/[^/?]+(\/?)/i, '/');

/** In any order of the names; that of the values of one name stays. */
function compared(fields: readonly string[]): string[] {
  const lines: string[] = [];
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as string).toLowerCase();
    if (!notCompared.has(name)) lines.push(`${name}: ${fields[i + 1]}`);
  }
  return lines.sort();
}

/** What arrived has to be what was meant, in its order; what is missing was refused. Null: so it is. */
function judge(peer: string, meanings: readonly Meaning[], arrivals: readonly Arrival[]): string | null {
  let next = 0;
  for (const arrival of arrivals) {
    const isIt = (meaning: Meaning): boolean =>
      faultIn(meaning, arrival) === null || differences.some(({ is }) => is(peer, meaning, arrival));
    const found = meanings.findIndex((meaning, i) => i >= next && isIt(meaning));
    if (found === -1) return `arrived: ${JSON.stringify(arrival)}`;
    next = found + 1;
  }
  return null;
}

describe('The judge', () => {
  const meaning = (target: string, body = ''): Meaning => ({
    method: 'GET',
    target,
    fields: ['Host', 'a', 'X', '1'],
    body,
  });
  const arrival = (target: string, body = '', x = '1'): Arrival => ({
    ...{ method: 'GET', target, body, connection: 1 },
    fields: [
      ['x', x],
      ['via', 'any'],
    ],
  });
  it.each<[string, readonly Arrival[], boolean]>([
    ['lets all of them pass', [arrival('/a'), arrival('/b', 'body')], true],
    ['lets some be refused', [arrival('/b', 'body')], true],
    ['finds one too many', [arrival('/a'), arrival('/b', 'body'), arrival('/b', 'body')], false],
    ['finds another order', [arrival('/b', 'body'), arrival('/a')], false],
    ['finds another body', [arrival('/a'), arrival('/b', 'bod')], false],
    ['finds another field', [arrival('/a', '', '2')], false],
    ['finds another target', [arrival('/c')], false],
  ])('%s', (_, arrivals, isRight) => {
    expect(judge('haproxy', [meaning('/a'), meaning('/b', 'body')], arrivals) === null).toBe(isRight);
  });
});

describe.each(installed)('In front of %s', (name) => {
  it(`what Weir accepts arrives as it was meant, or not at all (WIRE_FUZZ_SEED=${seed})`, {
    timeout: 3_600_000,
  }, async () => {
    await using recorder = await Recorder.start();
    await using peer = await startPeer(name, recorder.url);
    const random = dice(seed);
    const faults: string[] = [];
    let served = 0;
    for (let run = 0; run < runs && faults.length < 5; run++) {
      const text = random() < 0.5 ? mutated(requestBases, random) : pipeline(random);
      const bytes = Buffer.from(text, 'latin1');
      const { meanings, ends, over } = readStream([bytes]);
      if (meanings.length === 0) continue;
      recorder.arrivals.length = 0;
      const sent = bytes.subarray(0, ends.at(-1));
      const how = await ask(peer.port, cutAnywhere(sent, random), over !== 'last');
      const arrivals = recorder.arrivals.filter(({ target }) => target !== probe);
      const fault = how ?? judge(name, meanings, arrivals);
      if (fault !== null) faults.push(`${JSON.stringify(sent.toString('latin1'))}: ${fault}`);
      served += arrivals.length;
    }
    expect(faults).toEqual([]);
    expect(served).toBeGreaterThan(runs / 4);
  });
});

const probe = '/probe';

/**
 * Sends these bytes, and where the connection goes on one more request, which ends it. Resolves once it has ended, so
 * that all that will arrive has arrived. Null: it has; else that the peer waits for more than it was sent.
 */
async function ask(port: number, pieces: readonly Buffer[], goesOn: boolean): Promise<string | null> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  // Also where it is reset.
  const closed = new Promise((resolve) => socket.once('close', resolve));
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise(setImmediate);
  }
  if (goesOn) socket.write(`GET ${probe} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  socket.resume();
  try {
    await within(closed, { what: 'the end' });
    return null;
  } catch {
    socket.destroy();
    return 'it waits for more';
  }
}
