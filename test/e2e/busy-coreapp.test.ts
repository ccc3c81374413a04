/**
 * A Coreapp that works on eight messages at once and refuses the ninth, with the limits out of the way and more offered than
 * it can take. What holds however slow the machine is: everybody is served, through an outage as well. How much of it is
 * used, and how many attempts are in vain: test/spec/busy-coreapp.test.ts in virtual time, `npm run bench:fleet`.
 */
import { expect, it } from 'vitest';
import { testFile } from '../support/files.ts';
import { until } from '../support/until.ts';
import { byStatus, login, offerMessages, startSimulatorProcess, startWeir } from '../support/weir.ts';

const workers = 8;
const offer = { ratePerS: 2_000, count: 400 };

it('a Coreapp with room for eight serves everybody, also those who wait through an outage', async () => {
  await using config = await testFile(
    'weir.yaml',
    'limits: {messages: {rate: 10000, burst: 10000, holdMaxMs: 600000}}\n',
  );
  const args = ['--no-limits', '--workers', `${workers}`, '--service-ms', '50', '--queue-max', '0'];
  await using simulator = await startSimulatorProcess(args);
  await using weir = await startWeir({ COREAPP_URL: simulator.url, WEIR_CONFIG: config.path });
  const token = await login(weir.url);
  const arrivals = () => simulator.arrivals('messages');
  const acted = async () => (await arrivals()).filter(([, outcome]) => outcome === 'acted').length;

  const offered = offerMessages({ urls: [weir.url], token, ...offer });
  await until(async () => (await acted()) >= 100, { what: 'the Coreapp to be busy' });
  await simulator.configure({ overloaded: true });
  await until(() => probing(weir.opsUrl), { what: 'probes' });
  const before = (await arrivals()).length;
  await until(async () => (await arrivals()).length >= before + 4, { what: 'some probes in vain' });
  await simulator.configure({ overloaded: false });
  expect(byStatus(await offered)).toEqual({ 201: offer.count });
  expect(await acted()).toBe(offer.count);
  expect(await simulator.seen()).toMatchObject({ actedTwice: { count: 0 } });
});

async function probing(opsUrl: string): Promise<boolean | undefined> {
  const status = (await (await fetch(`${opsUrl}/status`)).json()) as {
    readonly permits: readonly { readonly class: string; readonly probing: boolean }[];
  };
  return status.permits.find(({ class: name }) => name === 'messages')?.probing;
}
