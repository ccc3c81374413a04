/**
 * Limits at high rates, with calls to Redis counted by Redis; and two whole replicas before a Coreapp that counts as
 * well.
 */
import { Redis } from 'ioredis';
import { drive } from '../../test/support/driver.ts';
import { excess, excessSince, tolerance } from '../../test/support/fleet.ts';
import { startRedis } from '../../test/support/redis.ts';
import { RunningFleet } from '../../test/support/running-fleet.ts';
import { byStatus, offerMessages } from '../../test/support/weir.ts';
import { otherThan, type Part, percent } from './part.ts';

export async function reservations(): Promise<Part> {
  const rows: string[][] = [];
  const wrong: string[] = [];
  for (const [rate, burst, replicas, load] of [
    [50, 150, 8, 4],
    [10_000, 150, 2, 4],
    [10_000, 1_000, 2, 4],
    [10_000, 10_000, 2, 4],
    [10_000, 30_000, 2, 4],
    [10_000, 150, 2, 0.5],
    [10_000, 1_000, 2, 0.5],
    [10_000, 10_000, 2, 0.5],
    [10_000, 30_000, 2, 0.5],
  ] as const) {
    const quota = { rate, burst };
    await using server = await startRedis();
    const redis = new Redis(server.url);
    const sentAt = await drive({ redisUrl: server.url, quota, replicas, load, seconds: 2 });
    const calls = (await scriptCalls(redis)) / sentAt.length;
    redis.disconnect();
    const seconds = ((sentAt.at(-1) as number) - (sentAt[0] as number)) / 1_000;
    const used = sentAt.length / Math.min(burst + rate * seconds, load < 1 ? sentAt.length : Number.POSITIVE_INFINITY);
    const above = excess(quota, sentAt);
    if (above > tolerance(quota)) wrong.push(`${rate}/s, ${burst}: ${above.toFixed(1)} more than the limit allows`);
    rows.push([`${rate}/s`, `${burst}`, `${replicas}`, `${load}`, calls.toFixed(4), load < 1 ? '' : percent(used)]);
  }
  const header = ['limit', 'burst', 'processes', 'times the rate', 'calls to Redis a request', 'used'];
  return { title: 'a line and a lease a process, without HTTP', header, rows, wrong };
}

/** How often Redis ran a script. */
async function scriptCalls(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats');
  return [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].reduce((sum, [, calls]) => sum + Number(calls), 0);
}

export async function overflow(): Promise<Part> {
  const quota = { rate: 50, burst: 150 };
  await using fleet = await RunningFleet.start(2);
  const { simulator, urls, token } = fleet;
  const { atMs: since } = (await simulator.seen()).jobs;
  const answers = await offerMessages({ urls, token, ratePerS: 100, count: 1_000 });
  const arrivals = await simulator.arrivals('messages');
  const sent = arrivals.map(([at]) => at);
  const seconds = ((sent.at(-1) as number) - (sent[0] as number)) / 1_000;
  const { count: twice } = (await simulator.seen()).actedTwice;
  const wrong = otherThan(['201'], byStatus(answers));
  if (twice > 0) wrong.push(`${twice} were acted on twice`);
  const above = excessSince(quota, since, sent);
  if (above > tolerance(quota)) wrong.push(`${above.toFixed(1)} more than the limit allows`);
  const refused = arrivals.filter(([, outcome]) => outcome !== 'acted').length / sent.length;
  const row = [
    percent(sent.length / (quota.burst + quota.rate * seconds)),
    percent(refused),
    excess(quota, sent).toFixed(1),
  ];
  const header = ['used', 'attempts that the Coreapp refused', 'in excess at the Coreapp'];
  return {
    title: 'two replicas, twice the documented limit for ten seconds, a Coreapp that enforces it',
    header,
    rows: [row],
    wrong,
  };
}
