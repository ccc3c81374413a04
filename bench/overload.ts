/**
 * The same overload with and without Weir, in real time, as a drawing: what callers are answered, and how long they wait.
 *
 *     npm run bench:overload                              40 s; writes docs/explanation/overload.svg
 *
 * Two simulators of the Coreapp with its documented limit of 50 messages a second and bursts of 150. To each come 30 a second,
 * 120 a second for 8 s, then 30 a second again: to one directly, to the other through Weir. No caller sends anything again.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type Answered,
  byStatus,
  login,
  offerMessages,
  startSimulatorProcess,
  startWeir,
} from '../test/support/weir.ts';
import { run } from './command.ts';
import { median } from './figures.ts';

const phases = [
  { ratePerS: 30, seconds: 5 },
  { ratePerS: 120, seconds: 8 },
  { ratePerS: 30, seconds: 25 },
] as const;
const limitPerS = 50;
const seconds = phases.reduce((sum, phase) => sum + phase.seconds, 0);

/** When each message was sent, milliseconds from the first, and what came of it. */
async function offer(url: string, token: string): Promise<readonly Answered[]> {
  const offers: Promise<readonly Answered[]>[] = [];
  let beganMs = 0;
  for (const [i, { ratePerS, seconds: lasts }] of phases.entries()) {
    const since = beganMs;
    const answers = offerMessages({ urls: [url], token, ratePerS, count: ratePerS * lasts, ids: `p${i}-` });
    offers.push(answers.then((all) => all.map((one) => ({ ...one, at: since + one.at }))));
    beganMs += 1_000 * lasts;
    await pause(1_000 * lasts);
  }
  return (await Promise.all(offers)).flat();
}

const [width, panelHeight, left, right, top, bottom] = [720, 190, 56, 16, 34, 30];
const xOf = (second: number): number => left + ((width - left - right) * second) / seconds;
const ok = '#0b62a4';
const refused = '#b8500b';

/** Of those that were sent in each second, how many were served and how many refused. */
function counts(title: string, answers: readonly Answered[]): string {
  const most = 130;
  const yOf = (count: number): number => panelHeight - bottom - ((panelHeight - top - bottom) * count) / most;
  const bars = Array.from({ length: seconds }, (_, second) => {
    const of = answers.filter(({ at }) => Math.floor(at / 1_000) === second);
    const served = of.filter(({ status }) => status === 201).length;
    const bar = (from: number, to: number, fill: string): string =>
      `<rect x="${(xOf(second) + 1).toFixed(1)}" y="${yOf(to).toFixed(1)}" width="${(xOf(1) - left - 2).toFixed(1)}" height="${(yOf(from) - yOf(to)).toFixed(1)}" fill="${fill}"/>`;
    return bar(0, served, ok) + (served === of.length ? '' : bar(served, of.length, refused));
  });
  const limit = `<path d="M${left} ${yOf(limitPerS)}H${width - right}" stroke="#111" stroke-dasharray="4 3"/>`;
  return frame(`${title}: ${words(answers)}`, [0, 50, 100], yOf) + bars.join('') + limit;
}

/** How long those waited that were served, by the second in which they were sent: the median. */
function waits(answers: readonly Answered[]): string {
  const medians = Array.from({ length: seconds }, (_, second) => {
    const of = answers.filter(({ at, status }) => Math.floor(at / 1_000) === second && status === 201);
    return (of.length === 0 ? 0 : median(of.map(({ ms }) => ms))) / 1_000;
  });
  const most = Math.ceil(Math.max(...medians));
  const yOf = (s: number): number => panelHeight - bottom - ((panelHeight - top - bottom) * s) / most;
  const line = medians.map((s, i) => `${i === 0 ? 'M' : 'L'}${xOf(i + 0.5).toFixed(1)} ${yOf(s).toFixed(1)}`).join('');
  const ticks = Array.from({ length: most / 2 + 1 }, (_, i) => 2 * i);
  const path = `<path d="${line}" fill="none" stroke="${ok}" stroke-width="2"/>`;
  return frame('With Weir: seconds until the answer, by when a message was sent (median)', ticks, yOf) + path;
}

function frame(title: string, ticks: readonly number[], yOf: (value: number) => number): string {
  const grid = ticks.map(
    (tick) =>
      `<path d="M${left} ${yOf(tick)}H${width - right}" stroke="#ddd"/><text x="${left - 6}" y="${yOf(tick) + 4}" text-anchor="end" fill="#444">${tick}</text>`,
  );
  const times = Array.from({ length: Math.floor(seconds / 5) + 1 }, (_, i) => 5 * i).map(
    (s) => `<text x="${xOf(s)}" y="${panelHeight - bottom + 16}" text-anchor="middle" fill="#444">${s} s</text>`,
  );
  return `<text x="${left}" y="20" font-weight="bold" fill="#111">${title}</text>${grid.join('')}${times.join('')}`;
}

const words = (answers: readonly Answered[]): string =>
  Object.entries(byStatus(answers))
    .map(([status, count]) => `${count} × ${status}`)
    .join(', ');

function drawing(direct: readonly Answered[], held: readonly Answered[]): string {
  const panels = [counts('Messages sent in each second, without Weir', direct), counts('With Weir', held), waits(held)];
  const placed = panels.map((panel, i) => `<g transform="translate(0 ${i * panelHeight})">${panel}</g>`);
  const height = panels.length * panelHeight + 24;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title" font-family="system-ui, sans-serif" font-size="12">
<title id="title">An overload without and with Weir. Without: ${words(direct)}. With: ${words(held)}.</title>
<rect width="100%" height="100%" fill="#fff"/>
${placed.join('\n')}
<g transform="translate(${left} ${height - 12})" fill="#111"><rect y="-9" width="10" height="10" fill="${ok}"/><text x="16">served (201)</text><rect x="110" y="-9" width="10" height="10" fill="${refused}"/><text x="126">refused (429)</text><path d="M220 -4h24" stroke="#111" stroke-dasharray="4 3"/><text x="250">the Coreapp’s limit, 50 a second and bursts of 150</text></g>
</svg>
`;
}

async function main(): Promise<void> {
  await using alone = await startSimulatorProcess();
  await using behind = await startSimulatorProcess();
  await using weir = await startWeir({ COREAPP_URL: behind.url });
  const token = await login(weir.url);
  const [direct, held] = await Promise.all([offer(alone.url, token), offer(weir.url, token)]);
  const longest = Math.max(...held.map(({ ms }) => ms)) / 1_000;
  console.log(`without Weir: ${words(direct)}\nwith Weir: ${words(held)}; the longest wait ${longest.toFixed(1)} s`);
  const file = fileURLToPath(new URL('../docs/explanation/overload.svg', import.meta.url));
  writeFileSync(file, drawing(direct, held));
  if (held.some(({ status }) => status !== 201)) process.exitCode = 1;
}

await run(main);
