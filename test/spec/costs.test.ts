/** Limits that count what requests use: what is charged when they go, and how their answers settle it. */
import { describe, expect, it, test } from 'vitest';
import { type Cost, Costing, estimated } from '../../src/admission/lanes/cost.ts';
import type { TestApp } from '../support/app.ts';
import { load, problems } from '../support/config.ts';
import { messageFrom } from '../support/fleet.ts';
import { startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, breakOff, inTurn, type Script, say } from '../support/upstream.ts';

const json = 'Content-Type: application/json\r\n';

describe('An estimate', () => {
  const cost = { perByte: 0.25, plus: [['max_completion_tokens'], ['max_tokens']], otherwise: 500 };
  const request = (body: string, fields: string[] = ['Content-Type', 'application/json']) =>
    messageFrom('a', { body: Buffer.from(body), fields });
  const padded = (length: number): string => `{"max_tokens":7}${' '.repeat(length - 16)}`;
  test.each([
    ['bytes and what is asked for', request(padded(400)), 107],
    ['the first number that is there', request('{"max_tokens":7,"max_completion_tokens":90}'), 101],
    ['a usual number where none is', request('{"model": "x"}'), 504],
    ['… or it is no number', request('{"max_tokens": "7"}'), 505],
    ['… or it is below 0', request('{"max_tokens":-5}'), 505],
    ['… or the body is no JSON', request('max_tokens=7'), 503],
    ['… or says that it is none', request('{"max_tokens":7}', ['Content-Type', 'text/plain']), 504],
    ['… or is too large to be read', request(`{"max_tokens":7}${' '.repeat(1_048_576)}`), 10_000],
    ['no more than there can be', request('{"max_tokens":1000000}'), 10_000],
    ['a usual number of a request without a body', messageFrom('a'), 500],
  ])('is %s', (_, of, tokens) => expect(estimated(cost, of, 10_000)).toBe(tokens));

  test('is one at least', () => {
    expect(estimated({ perByte: 0, plus: [], otherwise: 0 }, request('{}'), 10_000)).toBe(1);
  });
});

describe('What those before will have used', () => {
  const settling: Cost = {
    estimate: { perByte: 0, plus: [], otherwise: 100 },
    settle: [{ by: 'field', name: 'x-used' }],
  };
  it('is nothing before an answer has told, then as much of the estimates as answers told of late', () => {
    const costing = new Costing(settling);
    expect(costing.expected(1_000)).toBe(0);
    costing.settled(100, 20);
    expect(costing.expected(1_000)).toBeCloseTo(200);
    for (let i = 0; i < 100; i++) costing.settled(100, 60);
    expect(costing.expected(1_000)).toBeCloseTo(600, -1);
    for (let i = 0; i < 100; i++) costing.settled(100, 5_000);
    expect(costing.expected(1_000)).toBe(1_000);
  });
  it('is all of it, where no answer tells', () => {
    expect(new Costing({ ...settling, settle: [] }).expected(1_000)).toBe(1_000);
  });
});

describe('An attempt', async () => {
  const { upstream, app } = await startForAll(`profile: none
auth: {open: true, openToAll: true}
coreapp: {brokenRepeatsMax: 0, answerTimeoutMs: 60000}
limits:
  plain: {match: ["GET /plain"]}
  chat:
    match: ["* /chat"]
    also: [{scope: 'header:X-Row', rate: 1, burst: 100000, cost: {estimate: {otherwise: 100}, settle: [{field: x-used}, {body: /usage/total}]}}]
`);
  let rows = 0;
  const world = async (script: Script) => {
    upstream.play(script);
    const before = await figures(app);
    // A bucket of its own for each, since one answer may empty it for an hour.
    const row = `X-Row: ${++rows}\r\n`;
    return {
      /** What was charged and used meanwhile. */
      ask: async (line = 'POST /chat', fields = '', body = '') => {
        const length = body === '' ? '' : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
        const told = await app.ask(line, `Host: weir\r\n${row}${fields}${length}`, body);
        return { status: told.status, text: told.text, ...(await since(app, before)) };
      },
      since: () => since(app, before),
      row,
    };
  };

  const usage = JSON.stringify({ usage: { total: 30 } });
  const events = `data: {"usage":null}\n\ndata: ${usage}\n\ndata: [DONE]\n\n`;
  const jsonType = { 'Content-Type': 'application/json' };
  const table: readonly (readonly [string, Script, number, number, number])[] = [
    ['whose answer tells less', say(answer(200, jsonType, usage)), 200, 100, 30],
    ['whose answer tells more', say(answer(200, { 'X-Used': '4000' })), 200, 100, 4_000],
    ['whose answer tells nonsense', say(answer(200, { 'X-Used': '999999999999' })), 200, 100, 1e9],
    ['whose stream tells it', say(answer(200, { 'Content-Type': 'text/event-stream' }, events)), 200, 100, 30],
    ['whose answer tells nothing', say(answer(200, jsonType, '{}')), 200, 100, 100],
    ['that was a mistake', say(answer(422, jsonType, '{}')), 422, 100, 0],
    ['that was a mistake, and used some all the same', say(answer(400, jsonType, usage)), 400, 100, 30],
    ['that failed', say(answer(500, jsonType, '{}')), 500, 100, 100],
    ['without an answer', breakOff, 502, 100, 100],
    ['that was too fast', inTurn(say(answer(429, {}, usage)), say(answer(200, jsonType, usage))), 200, 200, 30],
  ];
  it.each(table)('%s', async (_, script, status, charged, used) => {
    const { ask } = await world(script);
    expect(await ask()).toMatchObject({ status, charged, used });
  });

  it('whose answer breaks off in the middle keeps what was charged', async () => {
    const half = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n${usage.slice(0, -4)}`;
    const { row, since } = await world((_, socket) => void socket.end(half));
    await using caller = await app.call();
    caller.send(`POST /chat HTTP/1.1\r\nHost: weir\r\n${row}\r\n`);
    await caller.closed();
    await until(async () => (await since()).charged === 100, { what: 'the end of the attempt' });
    expect(await since()).toEqual({ charged: 100, used: 100 });
  });

  it('goes on unchanged, but for codings of its answer that could not be read', async () => {
    const { ask } = await world(say(answer(200, jsonType, usage)));
    const fields = 'Accept-Encoding: gzip\r\naccept-encoding: br\r\n';
    expect(await ask('POST /chat', `${json}${fields}`, '{"a": 1}')).toMatchObject({ status: 200, text: usage });
    expect(upstream.arrivals[0]?.all('accept-encoding')).toEqual(['identity']);
    expect(upstream.arrivals[0]?.body.toString()).toBe('{"a": 1}');
    await ask('GET /plain', fields);
    expect(upstream.arrivals[1]?.all('accept-encoding')).toEqual(['gzip', 'br']);
  });
});

async function figures(app: TestApp): Promise<{ charged: number; used: number }> {
  const text = await app.metrics();
  const of = (name: string): number =>
    Number(new RegExp(`^weir_tokens_${name}_total\\{class="chat",limit="also 1"\\} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  return { charged: of('charged'), used: of('used') };
}

async function since(app: TestApp, before: { charged: number; used: number }) {
  const { charged, used } = await figures(app);
  return { charged: charged - before.charged, used: used - before.used };
}

describe('A cost in the configuration', () => {
  const of = (cost: string, more = 'rate: 1, burst: 10') =>
    problems(
      load(`profile: none\nlimits: {a: {match: ["GET /a"], also: [{scope: fleet, ${more}, cost: ${cost}}]}}\n`, {
        UPSTREAM_URL: 'http://127.0.0.1:9000',
      }),
    );

  test.each(['{}', '{estimate: {plus: /a}}', '{settle: {field: X-Used}}', '{settle: [{body: "/a + /b"}, {field: x}]}'])(
    '%s is right',
    (cost) => expect(of(cost)).toEqual([]),
  );

  test.each([
    ['5', 'cost'],
    ['{estimates: {}}', 'known here: estimate, settle'],
    ['{estimate: {perByte: -1}}', 'a number from 0 to 1000, tokens for each byte of the body'],
    ['{estimate: {perByte: many}}', 'a number from 0 to 1000, tokens for each byte of the body'],
    ['{estimate: {plus: max_tokens}}', 'a JSON pointer such as /max_tokens (RFC 6901)'],
    ['{estimate: {otherwise: -1}}', 'a number from 0 to 100000000, tokens'],
    ['{settle: {body: usage}}', '{body: /usage/total_tokens}'],
    ['{settle: {body: "/a + b"}}', '{body: /usage/total_tokens}'],
    ['{settle: {field: "x y"}}', 'the name of a field'],
    ['{settle: {trailer: x}}', '{body: /usage/total_tokens}'],
  ])('%s is told what would be right', (cost, words) => {
    const [line, ...more] = of(cost);
    expect(more).toEqual([]);
    expect(line).toContain('limits.a.also');
    expect(line).toContain(words);
  });

  test('needs a rate', () => {
    expect(of('{}', 'serial: true')).toEqual([
      expect.stringContaining('a number, tokens a second, where there is a cost'),
    ]);
  });
});
