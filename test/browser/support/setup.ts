/** Before the tests of the page: Debian's Chromium. Where it can't be had they skip, loudly. */
import type { TestProject } from 'vitest/node';
import { provideBrowser } from '../../deploy/support/machine.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Why this machine has no browser; null: it has. */
    readonly noBrowser: string | null;
  }
}

export function setup({ provide }: TestProject): void {
  const noBrowser = provideBrowser();
  if (noBrowser !== null) console.log(`\nweir: SKIPPED: nobody looks at the page: ${noBrowser}.\n`);
  provide('noBrowser', noBrowser);
}
