/** The stores of a whole configuration that knows of Redis and nothing else. */
import { machineClock } from '../../src/adapters/node/clock.ts';
import { openStores, type Stores } from '../../src/app/stores.ts';
import { config, load } from './config.ts';
import { deafMeter } from './deaf-meter.ts';
import { type Event, eventLog } from './silent-log.ts';

/** Closed by what the test has started. */
export async function storesOn(
  running: AsyncDisposableStack,
  url: string,
): Promise<{ readonly stores: Stores; readonly events: readonly Event[] }> {
  const { log, events } = eventLog();
  const stores = openStores(config(load('', { REDIS_URL: url })), machineClock, deafMeter, log);
  running.defer(() => stores.close());
  await stores.begin();
  return { stores, events };
}
