/** Another configuration in the place of the first one, while requests are under way. */
import { describe, expect, it } from 'vitest';
import { createGeneration } from '../../src/app/generation.ts';
import { startTestApp } from '../support/app.ts';
import { config, load } from '../support/config.ts';
import { until } from '../support/until.ts';
import { answer, say, sayNothing, startUpstream } from '../support/upstream.ts';

describe('A second generation', () => {
  it('serves the next request by its rules, while one under way ends by its own', async () => {
    await using upstream = await startUpstream();
    const [oldKey, newKey] = ['monitoring-key-old', 'monitoring-key-new'];
    await using app = await startTestApp(upstream.url, 'auth: {adminPaths: []}', { WA_API_KEY: oldKey });
    const anna = await app.user('anna');
    const asAnna = () => app.ask('GET /v1/contacts', `Host: weir\r\nAuthorization: Bearer ${anna}\r\n`);
    const byKey = async (key: string) =>
      (await app.ask('GET /v1/health', `Host: weir\r\nAuthorization: Apikey ${key}\r\n`)).status;
    expect([await byKey(oldKey), await byKey(newKey), (await asAnna()).status]).toEqual([200, 401, 200]);

    upstream.play(sayNothing);
    const underWay = asAnna();
    await until(() => upstream.arrivals.length === 1, { what: 'the request at the Coreapp' });
    const next = 'auth: {adminPaths: [/v1/contacts]}\nhttp: {serverTiming: false}';
    app.traffic.generation = createGeneration(config(load(next, { WA_API_KEY: newKey })), app.services);
    const ok = answer(200, {}, 'ok');
    for (const socket of upstream.sockets) socket.write(ok);
    const told = await underWay;
    expect([told.status, told.field('server-timing') === undefined]).toEqual([200, false]);

    upstream.play(say(ok));
    expect([await byKey(oldKey), await byKey(newKey), (await asAnna()).status]).toEqual([401, 200, 403]);
    expect((await app.send('GET /v1/contacts')).field('server-timing')).toBeUndefined();
  });
});
