/** Files are looked at when something happens in their folders, and now and then in any case. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { watchFiles } from '../../src/adapters/node/watch.ts';
import { temporaryFolder } from '../support/files.ts';
import { until } from '../support/until.ts';

describe('watching files', () => {
  let folder: string;
  beforeEach(() => {
    folder = temporaryFolder(onTestFinished);
  });
  afterEach(() => vi.useRealTimers());

  it('looks once at what happens at once, also where a file is replaced by another', async () => {
    const file = join(folder, 'a');
    const look = vi.fn();
    const watch = watchFiles([file, join(folder, 'b')], look);
    for (let i = 0; i < 50; i++) {
      writeFileSync(join(folder, 'next'), `${i}`);
      renameSync(join(folder, 'next'), file);
    }
    await until(() => look.mock.calls.length > 0, { what: 'a look' });
    watch.close();
    expect(look.mock.calls.length).toBeLessThanOrEqual(2);
  });

  it('looks every minute where nothing can be watched, until it is closed', () => {
    vi.useFakeTimers();
    const look = vi.fn();
    const watch = watchFiles([join(folder, 'nowhere', 'file')], look);
    vi.advanceTimersByTime(180_000);
    expect(look).toHaveBeenCalledTimes(3);
    watch.close();
    vi.advanceTimersByTime(180_000);
    expect(look).toHaveBeenCalledTimes(3);
  });
});
