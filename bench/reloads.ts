/**
 * Reloads under load, in real time: messages at a steady pace above the limit, so that some always wait, while the
 * configuration changes all the time, and is wrong every other time.
 *
 *     npm run bench:reloads                              200 a second for 20 s, 50 reloads
 *     npm run bench:reloads -- --times 3                 the same three times on one Weir, for its memory
 *
 * Exit code 1 where a caller got anything but 201, where more was sent than the highest limit allows, or where a reload
 * did not come to what it should.
 */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { excess, tolerance } from '../test/support/fleet.ts';
import {
  type Answered,
  byStatus,
  login,
  offerMessages,
  startSimulatorProcess,
  startWeir,
} from '../test/support/weir.ts';
import { number, run } from './command.ts';
import { residentKb } from './cpu.ts';
import { percentile } from './figures.ts';

const ratePerS = 200;
const seconds = 20;
const reloads = 50;
const highest = { rate: 190, burst: 60 };

const bad = 'limits: {messages: {rate: -1}, nobody: {burst: 2}}\nlog: {level: loud}\n';

/** The limits change from one good configuration to the next, and never come to more than the highest. */
const good = (i: number): string =>
  `limits: {messages: {rate: ${140 + 10 * (i % 6)}, burst: ${20 + 10 * (i % 5)}}}\nlog: {level: ${i % 2 === 0 ? 'info' : 'warn'}}\n`;

async function reloadsTotal(opsUrl: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${opsUrl}/metrics`)).text();
  const found = text.matchAll(/^weir_config_reloads_total\{result="(\w+)"\} (\d+)/gm);
  return Object.fromEntries([...found].map(([, result, count]) => [result as string, Number(count)]));
}

function waits(answers: readonly Answered[]): string {
  const waitsMs = answers.map(({ ms }) => ms);
  const at = (share: number): string => `${percentile(waitsMs, share).toFixed(0)} ms`;
  return `p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { times: { type: 'string', default: '1' } } });
  const times = number('--times', values.times, 1, 100);
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-reloads-'));
  const write = (text: string): void => {
    writeFileSync(join(folder, 'next'), text);
    renameSync(join(folder, 'next'), join(folder, 'weir.yaml'));
  };
  try {
    write(good(0));
    await using simulator = await startSimulatorProcess(['--no-limits']);
    await using weir = await startWeir({ COREAPP_URL: simulator.url, WEIR_CONFIG: join(folder, 'weir.yaml') });
    const token = await login(weir.url);
    for (let time = 1; time <= times; time++) {
      const before = await reloadsTotal(weir.opsUrl);
      const offering = offerMessages({
        urls: [weir.url],
        token,
        ratePerS,
        count: ratePerS * seconds,
        ids: `t${time}-`,
      });
      for (let i = 1; i <= reloads; i++) {
        await pause((1_000 * seconds) / reloads);
        write(i % 2 === 1 ? bad : good(i));
        // A bad one is in its place for a while: by a signal it is read at once.
        weir.process.kill('SIGHUP');
      }
      const answers = await offering;
      const after = await reloadsTotal(weir.opsUrl);
      const sent = (await simulator.arrivals('messages')).map(([at]) => at);
      const surplus = excess(highest, sent);
      const grew = Object.entries(after).map(([result, count]) => `${count - (before[result] ?? 0)} ${result}`);
      console.log(
        `${JSON.stringify(byStatus(answers))}; ${waits(answers)}; reloads: ${grew.join(', ')}; ` +
          `surplus over the highest limit: ${surplus.toFixed(1)} (tolerated: ${tolerance(highest).toFixed(1)}); ` +
          `memory: ${Math.round(residentKb(weir.process.pid) / 1_024)} MiB`,
      );
      const errors = answers.filter(({ status }) => status !== 201).length;
      if (errors > 0 || surplus > tolerance(highest) || after['refused'] === before['refused']) process.exitCode = 1;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await run(main);
