/** Who goes first and what costs more, as configuration says it. */
import { describe, expect, it } from 'vitest';
import { config, load, problems } from '../support/config.ts';

describe('line', () => {
  it('lets nobody go before others by default', () => {
    expect(config(load('')).line).toEqual({ bestUrgency: { users: 3, admins: 3, names: new Map() }, costs: {} });
  });

  it('is taken as it is written', () => {
    const yaml =
      'line: {bestUrgency: {admins: 1, names: {otp: 0, "jwt:alarms": 7}}, costs: {/v1/groups: 2, POST /v1/media: 5}}';
    expect(config(load(yaml)).line).toEqual({
      bestUrgency: { users: 3, admins: 1, names: new Map(Object.entries({ otp: 0, 'jwt:alarms': 7 })) },
      costs: { '/v1/groups': 2, 'POST /v1/media': 5 },
    });
  });

  it('is told as a change', () => {
    const loaded = load('line: {bestUrgency: {names: {otp: 0, b: 1}}}');
    expect(loaded.ok && loaded.changes).toMatchObject([{ setting: 'line.bestUrgency.names', value: 'otp: 0, b: 1' }]);
  });

  const names = 'user names with whole numbers from 0 to 7, such as { otp: 0, "jwt:alarms": 1 }';
  const costs =
    'paths, maybe with a method before them, with whole numbers from 1 to 100, such as { /v1/groups: 2, POST /v1/media: 5 }';

  it.each([
    ['line: {bestUrgency: {users: 8}}', '1:29: line.bestUrgency.users: 8', 'a whole number from 0 to 7'],
    ['line: {bestUrgency: {names: {otp: -1}}}', '1:35: line.bestUrgency.names: otp: -1', names],
    ['line: {bestUrgency: {names: {"a b": 1}}}', '1:30: a name in line.bestUrgency.names: "a b"', names],
    ['line: {bestUrgency: {names: [otp]}}', '1:29: line.bestUrgency.names: a list', names],
    ['line: {costs: {/v1/media: 0}}', '1:27: line.costs: /v1/media: 0', costs],
    ['line: {costs: {v1/media: 2}}', '1:16: a name in line.costs: "v1/media"', costs],
    ['line: {costs: {/v1//media: 2}}', '1:16: a name in line.costs: "/v1//media"', costs],
    ['line: {costs: {post /v1/media: 2}}', '1:16: a name in line.costs: "post /v1/media"', costs],
    ['line: {costs: 5}', '1:15: line.costs: 5', costs],
    ['limits: {media: {callerShareMax: 0}}', '1:34: limits.media.callerShareMax: 0', 'a number from 0.01 to 1'],
  ])('%s', (yaml, given, wanted) => {
    expect(problems(load(yaml))).toEqual([`w.yaml:${given} is not allowed; give ${wanted}`]);
  });

  it('a name that is given twice is refused', () => {
    const line = '1:36: line.bestUrgency.names: "a" was given before; keep one of them';
    expect(problems(load('line: {bestUrgency: {names: {a: 1, a: 2}}}'))).toEqual([`w.yaml:${line}`]);
  });
});
