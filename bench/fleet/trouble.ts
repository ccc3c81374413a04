/** How soon a fleet is right again: a Coreapp with little room, a Redis that goes away, tokens that are revoked. */
import { testFile } from '../../test/support/files.ts';
import { excessSince, tolerance } from '../../test/support/fleet.ts';
import { quota, type SceneName, scenes } from '../../test/support/redis-scenes.ts';
import { RunningFleet } from '../../test/support/running-fleet.ts';
import { pass, until } from '../../test/support/until.ts';
import {
  byStatus,
  login,
  offerMessages,
  type RunningSimulator,
  startSimulatorProcess,
  startWeir,
} from '../../test/support/weir.ts';
import { median } from '../figures.ts';
import { ms, otherThan, type Part, percent } from './part.ts';

const workers = 8;
/** Long compared with what a busy machine adds to the way of an answer and of the next request. */
const serviceMs = 200;

type Moment = Awaited<ReturnType<RunningSimulator['seen']>>['jobs'];

export async function busyCoreapp(): Promise<Part> {
  await using config = await testFile('weir.yaml', 'limits: {messages: {rate: 10000, burst: 10000}}\n');
  const args = ['--no-limits', '--workers', `${workers}`, '--service-ms', `${serviceMs}`, '--queue-max', '0'];
  await using simulator = await startSimulatorProcess(args);
  await using weir = await startWeir({ COREAPP_URL: simulator.url, WEIR_CONFIG: config.path });
  const token = await login(weir.url);
  const after = async (pauseMs: number): Promise<Moment> => {
    await pass(pauseMs);
    return (await simulator.seen()).jobs;
  };
  const offered = offerMessages({ urls: [weir.url], token, ratePerS: 200, count: 2_400 });
  const settled = await after(3_000);
  const outage = await after(3_000);
  await simulator.configure({ overloaded: true });
  const recovery = await after(3_000);
  await simulator.configure({ overloaded: false });
  const recovered = await after(2_000);
  const end = await after(2_500);
  // Everything is measured by now: the rest need not take its time.
  await simulator.configure({ serviceMs: 0 });
  const wrong = otherThan(['201'], byStatus(await offered));
  const { count: twice } = (await simulator.seen()).actedTwice;
  if (twice > 0) wrong.push(`${twice} were acted on twice`);
  const arrivals = await simulator.arrivals('messages');
  const inVain = arrivals.filter(([at]) => at > outage.atMs + 500 && at < recovery.atMs).length;
  const flow = (from: Moment, to: Moment): string[] => {
    const here = arrivals.filter(([at]) => at >= from.atMs && at < to.atMs);
    const refused = here.filter(([, outcome]) => outcome === 'overloaded503').length;
    return [
      percent((to.workedMs - from.workedMs) / (workers * (to.atMs - from.atMs))),
      percent(refused / here.length),
      '',
    ];
  };
  const rows = [
    ['once settled', ...flow(settled, outage)],
    ['3 s in which it refuses everything', '', '', `${inVain}`],
    ['from 2 s after that on', ...flow(recovered, end)],
  ];
  const header = ['', 'used (aim: 90 % or more)', 'attempts refused (under 5 %)', 'attempts in vain (10 or fewer)'];
  return { title: 'a Coreapp with room for eight, 200 messages a second offered', header, rows, wrong };
}

export async function redisFaults(): Promise<Part> {
  const rows: string[][] = [];
  const wrong: string[] = [];
  for (const name of Object.keys(scenes) as SceneName[]) {
    const report = await scenes[name](50);
    const above = excessSince(quota, report.since, report.arrivals) - (quota.rate / 2) * report.loneSeconds;
    const faults = [...otherThan(['201'], report.answered), ...otherThan(['200'], report.newcomers)];
    if (report.actedTwice > 0) faults.push(`${report.actedTwice} were acted on twice`);
    if (above > quota.burst / 2 + tolerance(quota))
      faults.push(`${above.toFixed(1)} more than a replica's share in excess`);
    wrong.push(...faults.map((fault) => `${name}: ${fault}`));
    rows.push([name, report.backMs.map(ms).join(', '), ms(report.newcomerMs), ms(report.outsideMs)]);
  }
  const header = [
    '',
    'shared again after (aim: 2 s)',
    'a newcomer waited at most (100 ms)',
    'outside the line at most (100 ms)',
  ];
  return { title: 'two replicas with full lines', header, rows, wrong };
}

export async function revocations(): Promise<Part> {
  await using fleet = await RunningFleet.start(2);
  const [one, other] = fleet.urls as [string, string];
  const status = async (method: string, url: string, token: string): Promise<number> => {
    const response = await fetch(url, { method, headers: { authorization: `Bearer ${token}` } });
    await response.arrayBuffer();
    return response.status;
  };
  const times: number[] = [];
  for (let i = 0; i < 20; i++) {
    const token = await login(one);
    const passes = async () => (await status('GET', `${other}/v1/metrics`, token)) === 200;
    await until(passes, { what: 'the token to be known' });
    await status('POST', `${one}/v1/users/logout`, token);
    const since = performance.now();
    await until(async () => !(await passes()), { what: 'the token to be refused' });
    times.push(performance.now() - since);
  }
  const row = [ms(median(times)), ms(Math.max(...times))];
  return {
    title: 'a logout on one replica, until the other knows (aim: 100 ms)',
    header: ['median', 'longest of 20'],
    rows: [row],
    wrong: [],
  };
}
