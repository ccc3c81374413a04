/** Files are looked at when something happens in their folders, and now and then in any case. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchFiles } from '../../src/adapters/node/watch.ts';
import { until } from '../support/until.ts';

describe('watching files', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'weir-watch-'));
  });
  afterEach(() => {
    vi.useRealTimers();
    rmSync(folder, { recursive: true, force: true });
  });

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
