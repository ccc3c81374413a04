/** Nothing that a connection or a Coreapp can do ends the process, is a bug, or leaves anything behind. */
import { describe, expect, it } from 'vitest';
import { resetEverywhere } from '../support/resets/run.ts';

describe('connections that end in every state, a hundred times each', { timeout: 600_000 }, () => {
  it.concurrent.each([
    ['plain', false],
    ['over TLS', true],
  ])('%s: the process lives, has met no bug, and holds what it held before', async (_, secure) => {
    const { problems, connections } = await resetEverywhere(secure);
    expect(problems).toEqual([]);
    expect(connections).toBeGreaterThan(5_000);
  });
});
