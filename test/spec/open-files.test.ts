/** How many open files the settings may need, and what is done where the system allows fewer. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DescriptorNeeds, planDescriptors } from '../../src/app/descriptors.ts';
import { needsOf } from '../../src/app/open-files.ts';
import { config, load } from '../support/config.ts';

const defaults: DescriptorNeeds = {
  inUse: 30,
  connectionsMax: 10_000,
  opsConnectionsMax: 64,
  poolMax: 256,
  tunnelsMax: 1_000,
  filesMax: 1_000,
  upstreams: 1,
};

describe('Open files', () => {
  it.each<[limit: number | null, connections: number, ops: number]>([
    [null, 10_000, 64],
    [1_048_576, 10_000, 64],
    [12_358, 10_000, 64],
    [12_357, 9_999, 64],
    [4_096, 1_738, 64],
    [1_024, 307, 64],
    [60, 6, 4],
    [20, 1, 4],
  ])('with a limit of %s: %i connections, %i on the ops port', (limit, connectionsMax, opsConnectionsMax) => {
    expect(planDescriptors(defaults, limit)).toEqual({ needed: 12_358, connectionsMax, opsConnectionsMax });
  });

  it('are enough for what the plan takes, whatever the settings', () => {
    const max = fc.integer({ min: 1, max: 20_000 });
    const needs = fc.record({
      inUse: fc.integer({ min: 3, max: 60 }),
      connectionsMax: max,
      opsConnectionsMax: fc.constant(64),
      poolMax: max,
      tunnelsMax: max,
      filesMax: max,
      upstreams: fc.integer({ min: 1, max: 20 }),
    });
    fc.assert(
      fc.property(needs, fc.integer({ min: 100, max: 100_000 }), (given, limit) => {
        const plan = planDescriptors(given, limit);
        expect(plan.connectionsMax).toBeLessThanOrEqual(given.connectionsMax);
        // What is taken of the settings needs no more than there is.
        expect(planDescriptors({ ...given, ...plan }, null).needed).toBeLessThanOrEqual(limit);
      }),
    );
  });

  it.each<[upstreams: number, needed: number]>([
    [1, 12_358],
    [2, 12_614],
    [5, 13_382],
  ])('with %i upstreams %i: each keeps connections for the next request', (upstreams, needed) => {
    expect(planDescriptors({ ...defaults, upstreams }, null).needed).toBe(needed);
  });

  it('are counted for every upstream that the configuration names, and for classes that are not held', () => {
    const one = needsOf(config(load('{}')), 30);
    expect(one).toEqual({ ...defaults, poolMax: 256 + 2 * 16 });
    const more = 'coreapp: {urls: {media: "http://a", contacts: "http://b"}}\nlimits: {media: {hold: false}}';
    expect(needsOf(config(load(more)), 30)).toEqual({ ...defaults, poolMax: 256 + 3 * 16, upstreams: 3 });
  });
});
