/** Log lines of a whole process: at a terminal, in a file that is rotated, on a disk that is full. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { temporaryFolder } from '../support/files.ts';
import { leash } from '../support/leash.ts';
import { until } from '../support/until.ts';
import { answer, say, startUpstream } from '../support/upstream.ts';
import { type RunningWeir, startWeir } from '../support/weir.ts';

const folder = temporaryFolder(afterAll);

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');
const linesOf = (path: string): { msg: string; path?: string }[] =>
  textOf(path)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

/** A Weir whose log goes to the file from a reload on. */
async function loggingTo(file: string, upstream: string, options: Parameters<typeof startWeir>[1] = {}) {
  const configuration = `${file}.yaml`;
  const free = 'profile: none\nauth: {open: true}\nops: {figuresMaxAgeMs: 0}\n';
  writeFileSync(configuration, free);
  const weir = await startWeir({ UPSTREAM_URL: upstream, WEIR_CONFIG: configuration }, options);
  writeFileSync(configuration, `${free}log: {file: ${file}}\n`);
  weir.process.kill('SIGHUP');
  await until(() => textOf(file).includes('a changed configuration is in force'), {
    what: 'the lines to be in the file',
  });
  return weir;
}

const left = async ({ opsUrl }: RunningWeir): Promise<Record<string, number>> =>
  ((await ask('GET', `${opsUrl}/status`)).json as { log: { leftOut: Record<string, number> } }).log.leftOut;

describe('log.file', () => {
  it('is renamed and opened anew at SIGUSR2 under load, and no line is lost', async () => {
    await using upstream = await startUpstream(say(answer(200, {}, 'ok')));
    const file = join(folder, 'rotated.log');
    await using weir = await loggingTo(file, upstream.url);
    const paths: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const some = Array.from({ length: 50 }, (_, i) => `/turn/${turn}/${i}`);
      paths.push(...some);
      const asked = some.map((path) => ask('GET', weir.url + path));
      await asked[0];
      renameSync(file, `${file}.${turn}`);
      weir.process.kill('SIGUSR2');
      for (const one of asked) expect((await one).status).toBe(200);
      await until(() => textOf(file).includes('the log file is opened anew'), { what: 'the new file' });
    }
    const all = (): string[] =>
      [...[0, 1, 2, 3].map((turn) => `${file}.${turn}`), file].flatMap(linesOf).flatMap(({ path }) => path ?? []);
    await until(() => all().length === paths.length, { what: 'a line of each request' });
    expect(all().toSorted()).toEqual(paths.toSorted());
    expect(weir.process.stdout.filter((line) => line.includes('"msg":"request"'))).toEqual([]);
  });

  it('on a disk that is full costs lines and nothing else, and no line is torn', async () => {
    await using upstream = await startUpstream(say(answer(200, {}, 'ok')));
    const file = join(folder, 'full.log');
    // 4,096 bytes: room for a few lines, and a part of one.
    await using weir = await loggingTo(file, upstream.url, { fileMaxBlocks: 8 });
    let asked = 0;
    const some = async (): Promise<void> => {
      for (let i = 0; i < 20; i++) expect((await ask('GET', `${weir.url}/${asked++}`)).status).toBe(200);
    };
    await some();
    await until(async () => ((await left(weir))['notWritten'] as number) > 0, {
      what: 'lines that could not be written',
    });
    const before = textOf(file);
    expect(before.length).toBe(4_096);
    expect(before.endsWith('\n')).toBe(false);
    truncateSync(file, 0);
    expect((await ask('GET', `${weir.url}/after`)).status).toBe(200);
    await until(() => textOf(file).includes('log lines lost'), { what: 'the line that tells of them' });
    expect(textOf(file)[0]).toBe('\n');
    const lost = linesOf(file).find(({ msg }) => msg.startsWith('log lines lost')) as { lines?: number; code?: string };
    expect(lost).toMatchObject({ lines: (await left(weir))['notWritten'], code: 'EFBIG' });
    const kept = before
      .split('\n')
      .slice(0, -1)
      .filter((line) => line.includes('"msg":"request"'));
    const later = linesOf(file).filter(({ msg }) => msg === 'request');
    expect(kept.length + (lost.lines as number) + later.length).toBe(asked + 1);
    expect(await weir.process.stop(60_000, 'SIGINT')).toEqual({ code: 0, signal: null });
  });
});

it('a terminal gets lines for people', async () => {
  const env = {
    PATH: process.env.PATH,
    HOME: folder,
    TERM: 'xterm-256color',
    HOST: '127.0.0.1',
    PORT: '0',
    OPS_PORT: '0',
  };
  const command = `"${process.execPath}" src/main.ts serve --profile none`;
  const child = leash(spawn('script', ['-qec', command, '/dev/null'], { env, stdio: 'pipe' }));
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  // Dim time, green level.
  const serving = '\u001b[22m \u001b[32mINFO \u001b[39m serving  ';
  await until(() => said.includes(serving), { what: 'the line that says so' });
  child.stdin.write('\u0003');
  await ended;
  expect(said).toContain('stopped');
  expect(said).not.toContain('"level"');
});
