/** The metrics of a replica with workers: what a worker had counted stays when it is gone. */
import { expect, it } from 'vitest';
import { FleetMeter } from '../../src/adapters/prometheus/fleet-meter.ts';
import type { Counted } from '../../src/adapters/prometheus/meter.ts';
import { Tally } from '../../src/adapters/prometheus/tally.ts';
import { dataOf } from '../../src/adapters/prometheus/tally-data.ts';
import { figuresForms } from '../../src/app/traits.ts';
import { busy } from '../support/snapshots.ts';

const name = 'a_counter_of_node_total';

const counting = (value: number): Counted => ({
  tally: dataOf(new Tally([], 1_000, Date.now)),
  ofNode: [{ name, help: name, type: 'counter', aggregator: 'sum', values: [{ value, labels: {} }] }] as never,
});

it.each([1, 2, 5])('%i workers that end at once leave the counts of all', async (workers) => {
  const meter = new FleetMeter({
    version: '1',
    classes: [],
    holdMaxMs: 1_000,
    form: figuresForms.none,
    figuresMaxAgeMs: () => 0,
    now: () => 0,
    read: async () => ({ counted: [], snapshot: busy }),
  });
  for (let i = 0; i < workers; i++) void meter.keep(counting(10 ** i));
  const { body } = await meter.scrape(undefined);
  expect(String(body)).toMatch(new RegExp(`^${name} ${'1'.repeat(workers)}$`, 'm'));
});
