/** Which lines are written: `log.requests`, `log.sample`, `log.slowMs`, and their change while Weir runs. */
import { describe, expect, it } from 'vitest';
import type { RequestLine } from '../../src/observe/request-line.ts';
import { keptLog, refusedLogin, sentMessage } from '../support/log-lines.ts';

describe('a sample of the successes', () => {
  it('is as large as it was asked for, and what is left out is counted', () => {
    const draws = [0, 0.09, 0.1, 0.5, 0.99];
    const { log, texts } = keptLog({ sample: 0.1, slowMs: 1_000, random: () => draws.shift() as number });
    for (let i = 0; i < 5; i++) log.request(sentMessage);
    expect(texts).toHaveLength(2);
    expect(log.leftOut()).toEqual({ sample: 3, slowReader: 0, notWritten: 0 });
  });

  it.each<[string, Partial<RequestLine>]>([
    ['a refusal', { refusal: 'passwordChangeRequired', status: 403 }],
    ['an error of the caller', { status: 400 }],
    ['an error of the upstream', { status: 500 }],
    ['what ended early', { cut: 'callerSlow' }],
    ['what was slow', { totalMs: 1_000 }],
  ])('has nothing to do with %s', (_, change) => {
    const { log, texts } = keptLog({ sample: 0, slowMs: 1_000 });
    log.request({ ...sentMessage, ...change });
    log.request({ ...sentMessage, totalMs: 999 });
    expect(texts).toHaveLength(1);
    expect(log.leftOut().sample).toBe(1);
  });
});

it('without lines of requests there are the audit trail and events', () => {
  const { log, lines } = keptLog({ requests: false });
  log.request(sentMessage);
  log.request({ ...sentMessage, status: 503, refusal: 'lineFull' });
  log.audit(refusedLogin);
  log.info('serving');
  expect(lines().map(({ msg }) => msg)).toEqual(['audit', 'serving']);
  expect(log.leftOut().sample).toBe(0);
});

it('all of it changes while it runs', () => {
  const { log, texts, lines } = keptLog({ requests: false });
  log.request(sentMessage);
  log.configure({ level: 'info', format: 'weir', fields: ['status'] });
  log.request(sentMessage);
  log.configure({ level: 'warn' });
  log.request(sentMessage);
  log.info('no');
  log.configure({ level: 'info', format: 'ecs' });
  log.info('yes');
  expect(texts[0]).toBe('{"level":"info","time":"2026-11-23T01:20:14.123Z","msg":"request","status":201}\n');
  expect(lines()[1]).toMatchObject({ message: 'yes', 'log.level': 'info' });
  expect(texts).toHaveLength(2);
});
