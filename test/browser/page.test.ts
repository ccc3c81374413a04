/** The page of the ops port in a real browser: a busy Weir behind it, somebody who looks, and an operator who steers. */
import type { Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { operatorToken } from '../support/operator.ts';
import { until } from '../support/until.ts';
import { Chromium, picture } from './support/chromium.ts';
import { expectGoodLooks } from './support/looks.ts';
import { Scene } from './support/scene.ts';

const noBrowser = inject('noBrowser') !== null;

let scene: Scene;
let chromium: Chromium;
let page: Page;

const card = (name: string): Locator => page.locator(`article[data-class="${name}"]`);
/** What a list says of something. */
const said = (where: Locator, term: string): Locator => where.locator(`dt:text-is("${term}") + dd`);
const reads = (where: Locator, pattern: RegExp): Promise<void> => where.filter({ hasText: pattern }).waitFor();
const press = (name: string, where: Page | Locator = page): Promise<void> =>
  where.getByRole('button', { name, exact: true }).click();

async function showToken(token = operatorToken): Promise<void> {
  await page.getByLabel('Operator’s token').fill(token);
  await press('Use it');
}

/** The orders that the ops port says are in force. */
async function inForce(): Promise<readonly object[]> {
  const { json } = await scene.see('/steering');
  return json.inForce.map(({ order }: { order: object }) => order);
}

const inForceIs = (...orders: readonly object[]): Promise<unknown> =>
  until(
    async () => {
      expect(await inForce()).toEqual(orders);
      return true;
    },
    { what: 'the orders in force' },
  );

const waiting = async (id: string) => (await scene.see(`/status/requests/${id}`)).json;

/** Sends a request that waits. */
async function hold(
  user: string,
  to: 'messages' | 'contacts',
  id: string,
): Promise<{ readonly status: Promise<number> }> {
  const status = scene.send(user, to, id);
  await until(async () => (await scene.see(`/status/requests/${id}`)).status === 200, { what: `${id} to wait` });
  return { status };
}

/** Scripts in the page are texts: the types of a browser would be everybody's in this repository. */
const focusable = `[...document.querySelectorAll('a, button, input, summary, [tabindex="0"]')]
  .filter((one) => one.checkVisibility())`;

describe.skipIf(noBrowser)('The page', () => {
  beforeAll(async () => {
    scene = await Scene.start(['anna', 'bulk', 'night-report']);
    chromium = await Chromium.start(scene.opsUrl);
    page = await chromium.open();
  });
  afterAll(async () => {
    await chromium?.[Symbol.asyncDispose]();
    await scene?.[Symbol.asyncDispose]();
  });
  /** Each test says what it has provoked. */
  afterEach(() => {
    expect(chromium.troubles.splice(0)).toEqual([]);
  });

  test('says that nothing happens while nothing does', async () => {
    await reads(page.locator('#state'), /^Ready$/);
    await page.getByText('Every class is idle.').waitFor();
    await page.getByText('Nobody waits.').waitFor();
    await reads(said(page.locator('#about'), 'Store'), /^memory, up$/);
  });

  test('shows the line as it moves to whoever looks: digests for names, and no orders', async () => {
    scene.crowd('bulk', 'messages', 20);
    scene.crowd('anna', 'messages', 4);
    expect(await scene.send('night-report', 'contacts')).toBeLessThan(300);
    await reads(said(card('messages'), 'Wait'), /^2\d of [\d,]+, of 2 callers$/);
    await reads(said(card('messages'), 'Refill'), /^20 a second$/);
    const sent = async (): Promise<number> =>
      Number(/^sent (\d+)$/.exec(await card('messages').locator('figcaption').nth(2).innerText())?.[1]);
    const before = await until(async () => (await sent()) || null, { what: 'something to be sent' });
    await until(async () => (await sent()) > before, { what: 'more to be sent' });
    expect(await card('messages').locator('path').nth(2).getAttribute('d')).toMatch(/^M/);
    await card('messages').getByText('as a table').click();
    await card('messages')
      .getByRole('row')
      .nth(1)
      .getByText(/^[1-9]/)
      .first()
      .waitFor();
    await reads(page.locator('#callers tbody tr').first(), /user:#[0-9a-f]{8}/);
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Use it', 'Look']);
    expect(await page.locator('body').innerText()).not.toMatch(/anna|bulk/);
    await expectGoodLooks(page, 'looking');
  });

  test('takes no wrong token', async () => {
    await showToken('a-wrong-token-of-somebody');
    await reads(page.getByRole('status').first(), /^Send Authorization/);
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Use it', 'Look']);
    expect(chromium.troubles.splice(0)).toEqual([expect.stringMatching(/status of 401/)]);
  });

  test('shows names to an operator, who pauses and resumes a class', async () => {
    await showToken();
    await reads(page.locator('#callers'), /user:anna/);
    await press('Pause messages for 10 minutes');
    await inForceIs({ kind: 'pauseClass', class: 'messages' });
    await reads(page.locator('#orders'), /The class messages is paused, in this replica, for 10 min more\./);
    const one = await hold('anna', 'messages', 'paused-one');
    expect(await waiting('paused-one')).toMatchObject({ waitsFor: 'operator' });
    await press('Resume messages');
    await inForceIs();
    expect(await one.status).toBe(201);
  });

  test('pauses a class in which nothing happens', async () => {
    expect(await card('media').count()).toBe(0);
    await page.getByLabel('Show idle classes, too').check();
    await press('Pause media for 10 minutes');
    await inForceIs({ kind: 'pauseClass', class: 'media' });
    await expectGoodLooks(page, 'idle-classes');
    await Promise.all([reads(page.locator('#said'), /^Done: Resume media$/), press('Resume media')]);
    await inForceIs();
    await Promise.all([reads(page.locator('#said'), /^Resume media: nothing was in force$/), press('Resume media')]);
    await page.getByLabel('Show idle classes, too').uncheck();
    await card('media').waitFor({ state: 'detached' });
  });

  test('pauses a user, and ends the pause where it is listed', async () => {
    await press('Pause user:bulk for 10 minutes');
    await inForceIs({ kind: 'pauseCaller', caller: 'user:bulk' });
    const one = await hold('bulk', 'messages', 'paused-user');
    expect(await waiting('paused-user')).toMatchObject({ waitsFor: 'operator' });
    await press('End: user:bulk is paused');
    await inForceIs();
    expect(await one.status).toBe(201);
  });

  test('tells why a request waits, lets it go first, and ends its wait', async () => {
    const [first, second] = [
      await hold('night-report', 'contacts', 'c1'),
      await hold('night-report', 'contacts', 'c2'),
    ];
    await page.getByLabel('Its X-Request-Id').fill('c2');
    await press('Look');
    const place = said(page.locator('#wait'), 'Place');
    await reads(place, /^2$/);
    await reads(said(page.locator('#wait'), 'Waits for'), /^rate: limits\.contacts: /);
    await press('Let it go first');
    await reads(place, /^1$/);
    expect(await waiting('c1')).toMatchObject({ place: 2 });
    await press('End its wait');
    expect(await second.status).toBe(503);
    await reads(page.locator('#wait-said'), /^c2: No request with this X-Request-Id waits/);
    expect(chromium.troubles.splice(0)).toEqual([expect.stringMatching(/status of 404/)]);
    await press('End the waits of user:night-report');
    expect(await first.status).toBe(503);
  });

  test('limits a class for some minutes', async () => {
    const held = await hold('anna', 'contacts', 'c3');
    await card('contacts').getByLabel('Requests a second').fill('1000.5');
    await card('contacts').getByLabel('At once').fill('1000');
    await card('contacts').getByLabel('Minutes', { exact: true }).fill('5');
    await press('Limit contacts');
    await inForceIs({ kind: 'limit', class: 'contacts', rate: 1_000.5, burst: 1_000 });
    expect(await held.status).toBeLessThan(300);
    expect((await scene.see('/steering')).json.inForce[0].leftMs).toBeLessThanOrEqual(300_000);
    await press('End: The limit of contacts is 1000.5 a second, 1000 at once');
    await inForceIs();
  });

  test('drains the replica', async () => {
    await page.locator('#drain').getByLabel('Minutes').fill('7');
    await press('Drain this replica');
    await reads(page.locator('#state'), /^Not ready: drained by an operator$/);
    expect((await scene.see('/readyz')).status).toBe(503);
    await page.locator('#orders').getByRole('button').click();
    await reads(page.locator('#state'), /^Ready$/);
  });

  test('is all there for the keyboard, which can be seen where it is', async () => {
    await page.reload();
    await page.keyboard.press('Tab');
    expect(await focused()).toEqual('Skip to the classes');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('classes');
    // Back over the choice of idle classes, and the button.
    for (let i = 0; i < 3; i++) await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('Operator’s token');
    await page.keyboard.type(operatorToken);
    await page.keyboard.press('Enter');
    await reads(page.locator('#callers'), /user:anna/);
    while ((await focused()) !== 'Pause messages for 10 minutes') await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    await reads(page.locator('#orders'), /The class messages is paused/);
    // Nobody comes and goes now.
    const count = await page.evaluate<number>(`${focusable}.length`);
    expect(count).toBeGreaterThan(15);
    await page.evaluate('document.activeElement.blur()');
    for (let i = 0; i < count + 2; i++) {
      await page.keyboard.press('Tab');
      await page.evaluate('document.activeElement.outline = getComputedStyle(document.activeElement).outlineStyle');
    }
    const unseen = `${focusable}.filter((one) => one.outline !== 'solid').map((one) => one.outerHTML)`;
    expect(await page.evaluate(unseen)).toEqual([]);
  });

  test('looks good to an operator with all of it open', async () => {
    const held = await hold('anna', 'messages', 'seen-one');
    await page.getByLabel('Its X-Request-Id').fill('seen-one');
    await press('Look');
    await reads(said(page.locator('#wait'), 'Waits for'), /^operator: /);
    await card('messages').getByText('as a table').click();
    await card('messages').getByRole('table').waitFor();
    await expectGoodLooks(page, 'steering');
    await Promise.all([reads(page.locator('#said'), /^Done: Resume messages$/), press('Resume messages')]);
    expect(await held.status).toBe(201);
    await reads(page.locator('#wait-said'), /^seen-one: No request/);
    expect(chromium.troubles.splice(0)).toEqual([expect.stringMatching(/status of 404/)]);
  });

  test('shows that the upstream refuses everything, and what is sent again once it does not', async () => {
    await scene.simulator.configure({ overloaded: true });
    await reads(said(card('messages'), 'The upstream'), /^refuses everything/);
    await picture(page, 'overloaded');
    await scene.simulator.configure({ overloaded: false });
    await reads(said(card('messages'), 'The upstream'), /^takes requests$/);
    await reads(card('messages').locator('figcaption').nth(3), /^replayed [1-9]/);
  });

  test('forgets the token when it is told to; orders in force are shown all the same', async () => {
    await press('Pause messages for 10 minutes');
    await inForceIs({ kind: 'pauseClass', class: 'messages' });
    await press('Forget the operator’s token');
    await page.getByLabel('Operator’s token').waitFor();
    await reads(page.locator('#callers'), /user:#/);
    expect(await page.locator('body').innerText()).not.toMatch(/user:(anna|bulk)/);
    await reads(page.locator('#orders'), /The class messages is paused/);
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Use it', 'Look']);
    await scene.see('/steering/pauses/classes/messages', 'DELETE');
  });

  test('runs nothing that is written into it, and asks no other host', async () => {
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement('script'), { text: 'globalThis.ran = 1' }))`,
    );
    await page.evaluate(`document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.2:9/seen.png' }))`);
    await until(() => chromium.troubles.length >= 3, { what: 'both to be refused' });
    expect(await page.evaluate('globalThis.ran')).toBeUndefined();
    expect(chromium.troubles.splice(0).sort()).toEqual([
      'asked for http://127.0.0.2:9/seen.png',
      expect.stringMatching(/inline script violates .*Content Security Policy/),
      expect.stringMatching(/'http:\/\/127\.0\.0\.2:9\/seen\.png' violates .*Content Security Policy/),
    ]);
    await page.evaluate(`document.querySelector('img').remove()`);
  });

  test('has the runbook beside it, which looks as good', async () => {
    const runbook = await chromium.open();
    await runbook.goto(`${scene.opsUrl}/runbook#weirbug`);
    await runbook.getByRole('heading', { name: 'WeirBug' }).waitFor();
    expect(await runbook.evaluate('getComputedStyle(document.body).maxWidth')).toBe('768px');
    await expectGoodLooks(runbook, 'runbook');
    await runbook.context().close();
  });

  test('says so when nobody answers any more', async () => {
    await scene.end();
    await reads(page.locator('#state'), /^No connection\. /);
    await picture(page, 'away');
    for (const trouble of chromium.troubles.splice(0)) expect(trouble).toMatch(/net::ERR_/);
  });
});

/** What is in focus, as it is called. */
const focused = (): Promise<string> =>
  page.evaluate('((one) => one.ariaLabel ?? one.labels?.[0]?.textContent ?? one.textContent)(document.activeElement)');
