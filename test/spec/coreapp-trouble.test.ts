/** What the Coreapp does, and what Weir learns from it for how many requests it may send at once. */
import { describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '../support/app.ts';
import { leapingClock } from '../support/leap.ts';
import { appForAll, startForAll } from '../support/start-for-all.ts';
import { until } from '../support/until.ts';
import { answer, breakOff, inTurn, type Script, say, sayNothing, startUpstream } from '../support/upstream.ts';

const ok = say(answer(200, {}, 'ok'));
const later = (status: number) => say(answer(status, { 'Retry-After': '1' }));
const initial = 16;
const holdMaxMs = 600_000;
const patient = `limits: {default: {holdMaxMs: ${holdMaxMs}}}`;
const leap = leapingClock();

async function permitsOf(app: TestApp, name: string) {
  const { permits } = await app.status();
  return permits.find((one) => one.class === name) as (typeof permits)[number];
}

describe('the number of permits of a class', async () => {
  const { upstream, app } = await startForAll(patient);
  const hasty = await appForAll(upstream, `coreapp: {answerTimeoutMs: 100}\n${patient}`);

  // Each row has a class of its own, that nothing has happened to before.
  it.each<[string, request: string, name: string, script: Script, status: number, learns: boolean, by?: TestApp]>([
    ['a 503', 'POST /v1/messages', 'messages', inTurn(say(answer(503)), ok), 200, true],
    ['a 503 that says when', 'POST /v1/contacts', 'contacts', inTurn(later(503), ok), 200, true],
    ['a 429 that does not say when', 'POST /v1/media', 'media', inTurn(say(answer(429)), ok), 200, true],
    ['a 429 that says when: the bucket rests', 'POST /v1/account', 'account', inTurn(later(429), ok), 200, false],
    ['no answer in time', 'POST /v1/certificates', 'certificates', sayNothing, 504, true, hasty],
    ['a connection that breaks', 'POST /v1/support', 'support', breakOff, 502, false],
    ['a 500', 'GET /v1/groups', 'groups', say(answer(500)), 500, false],
    ['a 502 of somebody in between', 'GET /v1/health', 'health', say(answer(502)), 502, false],
    ['a 404', 'GET /v1/stickerpacks', 'stickers', say(answer(404)), 404, false],
  ])('%s', async (_, request, name, script, status, learns, by = app) => {
    upstream.play(script);
    expect((await by.send(request, '', request.startsWith('POST') ? '{}' : '')).status).toBe(status);
    const { limit, inUse } = await permitsOf(by, name);
    expect([limit < initial, inUse]).toEqual([learns, 0]);
  });

  it('falls while there is no connection to be had, and one at a time tries', async () => {
    const away = await startUpstream();
    await away.stop();
    await using alone = await startTestApp(away.url, patient);
    const waiting = [1, 2, 3].map(() => alone.send('POST /v1/messages', '', '{}'));
    const permits = await until(
      async () => {
        const now = await permitsOf(alone, 'messages');
        return now.probing && now.pausedMs > 0 && now.inUse === 0 ? now : null;
      },
      { what: 'a pause between probes' },
    );
    expect(permits).toMatchObject({ limit: 1, inUse: 0 });
    expect(permits.pausedMs).toBeLessThanOrEqual(1_000);
    await using back = await startUpstream(ok, away.port);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(back.arrivals).toHaveLength(3);
    expect(await permitsOf(alone, 'messages')).toMatchObject({ probing: false, pausedMs: 0, inUse: 0 });
  });
});

describe('a hold time that ends while the Coreapp has the request', () => {
  it.each([429, 503])('and answers %i is Weir’s own 503, error 1016', async (status) => {
    await using upstream = await startUpstream();
    await using app = await startTestApp(upstream.url, patient);
    let refuse = (): void => {};
    upstream.play((_, socket) => {
      refuse = () => void socket.write(answer(status, { 'Retry-After': '9', 'X-From': 'coreapp' }, 'theirs'));
    });
    const told = app.send('POST /v1/messages', '', '{}');
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    leap(holdMaxMs);
    refuse();
    const refused = await told;
    expect([refused.status, refused.json.errors[0]]).toMatchObject([503, { code: 1016, title: 'System overloaded' }]);
    expect(refused.field('x-from')).toBeUndefined();
    expect(upstream.arrivals).toHaveLength(1);
  });
});
