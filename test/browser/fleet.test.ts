/** The page of a replica that is one of two: a replica of two workers, and the other one with most of the callers. */
import { expect, inject, test } from 'vitest';
import { ask } from '../support/ask.ts';
import { testFile } from '../support/files.ts';
import { operatorToken } from '../support/operator.ts';
import { startRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';
import { login, startWeir } from '../support/weir.ts';
import { Chromium } from './support/chromium.ts';
import { expectGoodLooks } from './support/looks.ts';

const yaml = `ops: {token: ${operatorToken}, figuresMaxAgeMs: 0}\nlimits: {default: {rate: 100, burst: 100, holdMaxMs: 600000}}\n`;

test.skipIf(inject('noBrowser') !== null)(
  'A replica shows the whole fleet to whoever wants it, and orders reach all',
  async () => {
    await using opened = new AsyncDisposableStack();
    const redis = opened.use(await startRedis());
    const upstream = opened.use(await startUpstream(say(answer(200, {}, 'ok'))));
    const file = opened.use(await testFile('weir.yaml', yaml));
    const env = { REDIS_URL: redis.url, COREAPP_URL: upstream.url, WEIR_CONFIG: file.path };
    const here = opened.use(await startWeir({ ...env, WEIR_WORKERS: '2' }));
    const there = opened.use(await startWeir(env));
    const fields = { authorization: `Bearer ${await login(here.url)}` };
    const operator = { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' };
    const order = (method: string, body?: object) =>
      ask(method, `${here.opsUrl}/steering/pauses/classes/contacts`, { fields: operator, body });
    await order('PUT', { seconds: 600 });
    const status = async (url: string) => (await ask('GET', `${url}/status?callers=0`, { fields: operator })).json;
    await until(async () => (await status(there.opsUrl)).steering.inForce.length === 1, {
      what: 'the order to arrive',
    });
    const get = (url: string, id: string) =>
      ask('GET', `${url}/v1/contacts`, { fields: { ...fields, 'x-request-id': id } });
    const requests = [here, here, there, there, there].map(({ url }, i) => get(url, `r-${i}`));

    const chromium = opened.use(await Chromium.start(here.opsUrl));
    const page = await chromium.open();
    const waits = page.locator('article[data-class="contacts"] dt:text-is("Wait") + dd');
    await waits.filter({ hasText: /^2 of / }).waitFor();
    await page.getByLabel('Show the whole fleet').check();
    await waits.filter({ hasText: /^5 of / }).waitFor();
    const replicas = page.locator('#replicas-list tbody tr');
    await until(async () => (await replicas.count()) === 2, { what: 'both replicas in the table' });
    const names = await Promise.all([here, there].map(async ({ opsUrl }) => (await status(opsUrl)).replica.name));
    // Name, state, version, processes, who waits.
    for (const [i, [processes, requests]] of [
      ['2', '2'],
      ['1', '3'],
    ].entries()) {
      const cells = replicas.filter({ hasText: names[i] }).locator('td');
      expect([await cells.nth(3).innerText(), await cells.nth(4).innerText()]).toEqual([processes, requests]);
    }
    // It waits in the other replica.
    await page.getByLabel('Its X-Request-Id').fill('r-4');
    await page.getByRole('button', { name: 'Look', exact: true }).click();
    await page.locator('#wait dd').filter({ hasText: names[1] }).waitFor();
    await expectGoodLooks(page, 'fleet');
    await page.getByLabel('Show the whole fleet').uncheck();
    await waits.filter({ hasText: /^2 of / }).waitFor();
    await page.locator('#replicas').waitFor({ state: 'hidden' });
    await order('DELETE');
    expect((await Promise.all(requests)).map((told) => told.status)).toEqual(requests.map(() => 200));
    // That request has gone.
    await page.locator('#wait-said').filter({ hasText: 'r-4: No request' }).waitFor();
    expect(chromium.troubles).toEqual([expect.stringMatching(/status of 404/)]);
  },
);
