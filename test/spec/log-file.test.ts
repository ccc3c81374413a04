/** `log.file`: where lines go, what logrotate does to it, and a disk that is full. */
import { openSync, readFileSync, renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { openLogFile } from '../../src/adapters/log/file.ts';
import { createLog } from '../../src/adapters/log/log.ts';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { Logging } from '../../src/app/logging.ts';
import type { Config } from '../../src/config/config.ts';
import { config, load } from '../support/config.ts';
import { temporaryFolder } from '../support/files.ts';
import { until } from '../support/until.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = temporaryFolder(onTestFinished);
  file = join(folder, 'weir.log');
});

const logConfig = (yaml: string): Config['log'] => config(load(`log: ${yaml}`)).log;
const openLogging = (yaml: string, isTTY = false): Logging =>
  new Logging(logConfig(yaml), '0.1.0', machineClock, { isTTY, hasColors: () => true });
const messages = (path: string): string[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);

describe('a log file', () => {
  it('is made for its owner and its group, and appended to', async () => {
    const before = process.umask(0o022);
    try {
      for (const text of ['one', 'two']) {
        const { log } = openLogging(`{file: ${file}}`);
        log.info(text);
        await log.flush();
      }
    } finally {
      process.umask(before);
    }
    expect(messages(file)).toEqual(['one', 'two']);
    expect(statSync(file).mode & 0o777).toBe(0o640);
  });

  it.each<[string, () => string, RegExp]>([
    ['whose folder is not there', () => join(folder, 'no', 'weir.log'), /its folder is not there; make the folder/],
    ['that is a folder', () => folder, /is a folder; give the path of a file in it/],
    ['below a file', () => join('/dev/null', 'x'), /can’t be opened \(ENOTDIR\)/],
    ['that is a pipe', () => '/dev/fd/0', /is no regular file|can’t be opened/],
  ])('%s is refused, by the name of its setting', (_, path, problem) => {
    const given = path();
    expect(() => openLogging(`{file: ${given}}`)).toThrow(problem);
    expect(() => openLogging(`{file: ${given}}`)).toThrow(`log.file: ${given} `);
  });

  it('that is renamed and opened anew loses no line', async () => {
    const logging = openLogging(`{file: ${file}}`);
    const { log } = logging;
    const count = 20_000;
    for (let i = 0; i < count; i++) {
      log.info(`line ${i}`);
      if (i % 2_000 !== 999) continue;
      renameSync(file, join(folder, `weir.log.${i}`));
      logging.reopen();
      await new Promise(setImmediate);
    }
    await log.flush();
    const rotated = Array.from({ length: 10 }, (_, i) => join(folder, `weir.log.${i * 2_000 + 999}`));
    const all = [...rotated, file].flatMap(messages).filter((text) => text.startsWith('line '));
    expect(all).toEqual(Array.from({ length: count }, (_, i) => `line ${i}`));
    expect(messages(file)).toContain('line 19999');
  });

  it('that cannot be opened anew is written to as before, and that is said', async () => {
    const logging = openLogging(`{file: ${file}}`);
    renameSync(file, join(folder, 'old'));
    symlinkSync(join(folder, 'no', 'where'), file);
    logging.reopen();
    await logging.log.flush();
    expect(messages(join(folder, 'old'))).toEqual(['the log file cannot be opened anew: lines go on to the old one']);
  });
});

describe('a reload', () => {
  it('moves the lines to another file, and keeps them where they are if that cannot be', async () => {
    const logging = openLogging(`{file: ${file}}`);
    logging.log.info('one');
    expect(() => logging.prepare(logConfig(`{file: ${folder}/no/weir.log, format: ecs}`))).toThrow(/log\.file/);
    logging.log.info('two');
    logging.prepare(logConfig(`{file: ${folder}/never}`)).discard();
    await logging.log.flush();
    const moved = join(folder, 'other.log');
    logging.prepare(logConfig(`{file: ${moved}, level: warn}`)).commit();
    logging.log.info('no');
    logging.log.warn('three');
    await logging.log.flush();
    expect(messages(file)).toEqual(['one', 'two']);
    expect(messages(moved)).toEqual(['three']);
  });
});

describe('a disk that is full', () => {
  it('ends nothing: lines that are lost are counted', async () => {
    const { log } = openLogging('{file: /dev/full}');
    for (let i = 0; i < 5; i++) log.info(`line ${i}`);
    await log.flush();
    expect(log.leftOut()).toEqual({ sample: 0, slowReader: 0, notWritten: 5 });
  });

  it('is told of once lines can be written again', async () => {
    const log = createLog({ level: 'info', clock: machineClock, destination: openLogFile('/dev/full') });
    log.info('lost');
    await log.flush();
    log.redirect(openSync(file, 'a'));
    log.info('kept');
    await log.flush();
    await until(() => messages(file).length === 2, { what: 'the line that says so' });
    expect(readFileSync(file, 'utf8')).toContain(
      '"lines":1,"code":"ENOSPC","msg":"log lines lost: they could not be written"',
    );
  });
});
