/** Whatever a Coreapp writes, its caller gets that answer or a 502, and nothing of Weir throws. */
import { hash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { brokenAnswers, oddAnswers, oddStatuses, wrongSwitches } from '../support/odd-answers.ts';
import { startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, say } from '../support/upstream.ts';

const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n';
const key = 'dGhlIHNhbXBsZSBub25jZQ==';
const accept = hash('sha1', `${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`, 'base64');

const { upstream, app } = await startForAll(
  'coreapp: {brokenRepeatsMax: 0}\nlimits: {default: {rate: 10000, burst: 10000}}',
);
afterEach(() => {
  expect(app.events.filter(({ message, level }) => level === 'error' || /bug/.test(message))).toEqual([]);
});

/** The answer; a whole one of 502 has Weir's envelope. Null: the connection broke before its head. */
async function told(line: string, fields = '', body = '') {
  await using caller = await app.call();
  const method = line.split(' ')[0] as string;
  caller.send(app.request(line, fields, body));
  const got = await caller.answer(method);
  if (got.status === 502) expect(got.json).toMatchObject({ errors: [{ code: 1014 }] });
  return got;
}

/** Of an answer that began, a part may have gone to the caller already. */
function expectBroken(got: Awaited<ReturnType<typeof told>>): void {
  if (got.whole) expect(got.status).toBe(502);
}

describe('an answer that is none', () => {
  it.each(Object.entries(brokenAnswers))('%s is a 502, or is cut', async (_, script) => {
    upstream.play(script);
    expectBroken(await told('POST /v1/odd', '', 'body'));
  });

  it.each(Object.entries(brokenAnswers))('%s is the same to a handshake', async (_, script) => {
    upstream.play(script);
    expectBroken(await told('GET /v1/odd', upgrade));
  });

  it.each([...oddStatuses, '101'])('the status %s is a 502 in every case', async (status) => {
    upstream.play(say(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`));
    for (const line of ['GET /v1/odd', 'HEAD /v1/odd', 'DELETE /v1/odd']) {
      const method = line.split(' ')[0] as string;
      await using caller = await app.call();
      expect((await caller.send(app.request(line)).answer(method)).status).toBe(502);
    }
    expect((await told('GET /v1/odd', upgrade)).status).toBe(502);
  });
});

describe('an odd answer', () => {
  it.each(Object.entries(oddAnswers))('%s ends the exchange, however', async (_, script) => {
    for (const [line, fields, body] of [
      ['GET /v1/odd'],
      ['POST /v1/odd', '', 'body'],
      ['GET /v1/odd', upgrade],
    ] as const) {
      upstream.play(script);
      await told(line, fields, body);
    }
    upstream.play(say(answer(200, {}, 'ok')));
    expect(await told('GET /v1/odd')).toMatchObject({ status: 200, text: 'ok' });
  });
});

describe('a 101', () => {
  it.each(Object.entries(wrongSwitches))('(%s) is a 502, and the connection is closed', async (_, script) => {
    upstream.play(script);
    expect((await told('GET /v1/odd', upgrade)).status).toBe(502);
    expect((await told('POST /v1/odd', '', 'body')).status).toBe(502);
    await until(() => upstream.sockets.size === 0, { what: 'the Coreapp’s connections to close' });
  });

  it('that nobody asked for is a 502', async () => {
    upstream.play(
      say(`HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`),
    );
    expect((await told('POST /v1/odd', '', 'body')).status).toBe(502);
    expect((await told('GET /v1/odd')).status).toBe(502);
  });

  it.each([
    ['without one', ''],
    ['with another one', 'Sec-WebSocket-Accept: YWNj\r\n'],
    ['with two', `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Accept: ${accept}\r\n`],
  ])('whose Sec-WebSocket-Accept does not belong to the key (%s) is a 502', async (_, field) => {
    upstream.play(say(`HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${field}\r\n`));
    expect((await told('GET /v1/odd', `${upgrade}Sec-WebSocket-Key: ${key}\r\n`)).status).toBe(502);
  });

  it('with the right one is passed on', async () => {
    upstream.play(
      say(
        `HTTP/1.1 101 X\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\nhello`,
      ),
    );
    await using caller = await app.call();
    caller.send(app.request('GET /v1/odd', `${upgrade}Sec-WebSocket-Key: ${key}\r\n`));
    await until(() => caller.unread.toString().endsWith('hello'), { what: 'the first bytes' });
    expect(caller.unread.toString()).toContain(`\r\nSec-WebSocket-Accept: ${accept}\r\n`);
  });
});
