/** How a page looks to those who use it, whatever their screen. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';
import { findings, picture } from './chromium.ts';

/** As they are, in light and dark, on a desk and on a phone: nothing for axe to find, and nothing to be scrolled sideways. */
export async function expectGoodLooks(page: Page, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [device, width] of Object.entries({ desk: 1_280, phone: 360 })) {
      await page.setViewportSize({ width, height: 800 });
      await picture(page, `${name}-${colorScheme}-${device}`);
      expect([name, colorScheme, device, await findings(page)]).toEqual([name, colorScheme, device, []]);
      expect(await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    }
  }
  await page.setViewportSize({ width: 1_280, height: 800 });
}
