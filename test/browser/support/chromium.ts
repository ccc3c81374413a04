/** Debian's Chromium, which looks at the page of one Weir and tells what it should not have met. */
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** Git ignores it: somebody looks at the pictures. */
const pictures = fileURLToPath(new URL('../../../.cache/pictures/', import.meta.url));
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** It calls nobody but the page that it is sent to. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** What axe found: a rule, and the elements that break it. */
type Finding = readonly [rule: string, ...elements: string[]];

export class Chromium implements AsyncDisposable {
  readonly #browser: Browser;
  readonly #url: string;
  /** What no page may have: words on the console, errors, requests that failed or went to another host. */
  readonly troubles: string[] = [];

  private constructor(browser: Browser, url: string) {
    this.#browser = browser;
    this.#url = url;
  }

  /** @param url of the ops port */
  static async start(url: string): Promise<Chromium> {
    // Playwright gives it an empty folder for its profile, and removes that.
    return new Chromium(await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags }), url);
  }

  /** A window of its own that shows the page. */
  async open(how: BrowserContextOptions = {}): Promise<Page> {
    const window = await this.#browser.newContext(how);
    // As an extension would, not as a script of the page: the page's content security policy holds.
    await window.addInitScript(axe);
    // No machine is so slow as to need them.
    window.setDefaultTimeout(120_000);
    const page = await window.newPage();
    page.on('console', (said) => this.troubles.push(`console: ${said.text()}`));
    page.on('pageerror', (error) => this.troubles.push(`error: ${error.message}`));
    page.on('request', (request) => {
      const url = request.url();
      if (!url.startsWith(`${this.#url}/`) && !url.startsWith('data:')) this.troubles.push(`asked for ${url}`);
    });
    await page.goto(`${this.#url}/`);
    return page;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}

/** Everything that axe knows is looked for, its advice on best practice included. */
export async function findings(page: Page): Promise<readonly Finding[]> {
  const { violations } = await page.evaluate<AxeResults>('axe.run()');
  return violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
}

export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}
