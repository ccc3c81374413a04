/** Workers without processes: what each gets, how they are told, and what their parent makes of what they say. */

import { closeSync, openSync } from 'node:fs';
import { Readable } from 'node:stream';
import { deserialize, serialize } from 'node:v8';
import { describe, expect, it, test } from 'vitest';
import { weirFamilies } from '../../src/adapters/prometheus/families.ts';
import { PrometheusMeter } from '../../src/adapters/prometheus/meter.ts';
import { Tally } from '../../src/adapters/prometheus/tally.ts';
import { addData, dataOf } from '../../src/adapters/prometheus/tally-data.ts';
import { profileNames } from '../../src/config/schema.ts';
import { workerShare } from '../../src/config/worker-share.ts';
import { mergedSnapshot } from '../../src/observe/merged.ts';
import type { WorkerEnd } from '../../src/workers/member.ts';
import { heapOptions, inspectorOptions, withoutHeapOptions } from '../../src/workers/node-options.ts';
import { type OpenCount, OpenCountWriter, openCount } from '../../src/workers/open-count.ts';
import { spawnBy } from '../../src/workers/processes.ts';
import { Reporting } from '../../src/workers/reporting.ts';
import { Restarts } from '../../src/workers/restarts.ts';
import { passWholeLines } from '../../src/workers/whole-lines.ts';
import { config, load, problems } from '../support/config.ts';
import { busy } from '../support/snapshots.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const redis = { REDIS_URL: 'redis://redis:6379' };

describe('A configuration', () => {
  test.each(profileNames)('of the profile %s reaches a worker as it is', (name) => {
    const whole = config(load(`profile: ${name}`, redis));
    expect(deserialize(serialize(whole))).toStrictEqual(whole);
  });

  it('for workers is refused without Redis, however many', () => {
    for (const workers of ['2', 'auto']) {
      expect(problems(load(`workers: ${workers}`))).toEqual([
        `w.yaml:1:10: workers: ${workers} without redis.url is not allowed; give redis.url (REDIS_URL), which workers share as replicas do, or 1`,
      ]);
    }
    expect(config(load('workers: 1')).workers).toBe(1);
  });

  test.each(['0', '-1', '1.5', '257', 'many'])(
    'does not take %s workers, from the file or the environment',
    (given) => {
      expect(problems(load(`workers: ${given}`, redis))[0]).toMatch(/give a whole number from 1 to 256, or auto$/);
      expect(problems(load('', { ...redis, WEIR_WORKERS: given }))[0]).toMatch(/^WEIR_WORKERS: /);
    },
  );

  it('takes the number of the environment, and auto as what this machine has', () => {
    expect(config(load('workers: 3', { ...redis, WEIR_WORKERS: '2' })).workers).toBe(2);
    expect(config(load('workers: auto', redis)).workers).toBeGreaterThanOrEqual(1);
  });

  it('is refused where a part of what a replica may have is too small for a worker', () => {
    const yaml = 'workers: 4\ncoreapp: {permitsMax: 3}\nlimits: {messages: {lineMaxBytes: 3000000}}';
    expect(problems(load(yaml, redis))).toEqual([
      'w.yaml:2:23: coreapp.permitsMax: 3 is not allowed; give at least 4: 1 for each of 4 workers',
      'w.yaml:3:35: limits.messages.lineMaxBytes: 3000000 is not allowed; give at least 4194304: 1048576 for each of 4 workers',
    ]);
  });

  it('says which order holds within a worker only', () => {
    const yaml = 'workers: 2\nlimits: {messages: {also: [{scope: "body:/to", serial: true}]}}';
    expect(load(yaml, redis)).toMatchObject({
      notes: expect.arrayContaining(['limits.messages.also: serial holds within each of the 2 workers, not over them']),
    });
  });
});

describe('What a worker may have', () => {
  const whole = config(
    load(
      'workers: 4\nredis: {replicasAtLeast: 3}\nhttp: {connectionsPerAddressMax: 10}\ncoreapp: {permitsMin: 5}',
      redis,
    ),
  );
  const share = workerShare(whole);

  it('is its part of bodies, connections, files, permits and places in line', () => {
    expect(share.http).toMatchObject({ connectionsMax: 2_500, tunnelsMax: 250, connectionsPerAddressMax: 3 });
    expect(share.bodies).toMatchObject({ diskMaxBytes: 2 ** 29, filesMax: 250, answersMemoryMaxBytes: 2 ** 24 });
    expect(share.coreapp).toMatchObject({ permitsMax: 64, permitsMin: 2 });
    expect(share.limits['messages']).toMatchObject({ lineMaxRequests: 2_500, lineMaxBytes: 2 ** 24 });
  });

  it('is the whole limit, which Redis keeps for all', () => {
    expect(share.limits['messages']).toMatchObject({ rate: 50, burst: 150, scopesMax: 10_000, bodyMaxBytes: 2 ** 20 });
  });

  it('is always one body of the largest size for a caller', () => {
    const tight = workerShare(config(load('workers: 8\nlimits: {messages: {callerMaxBytes: 2000000}}', redis)));
    expect(tight.limits['messages']?.callerMaxBytes).toBe(2 ** 20);
  });

  it('counts as a replica where Redis is away', () => {
    expect(share.redis.replicasAtLeast).toBe(12);
  });

  it('is everything where there is one', () => {
    const one = config(load('', redis));
    expect(workerShare(one)).toBe(one);
  });

  it('is its part of the heap, and never less than Weir needs', () => {
    expect(heapOptions(4 * 2 ** 30, 4)).toEqual(['--max-old-space-size=1024']);
    expect(heapOptions(2 ** 28, 64)).toEqual(['--max-old-space-size=64']);
    const given = ['--max-old-space-size-percentage=50', '--inspect', '--max_old_space_size=9'];
    expect(withoutHeapOptions(given)).toEqual(['--inspect']);
    expect([inspectorOptions(given), inspectorOptions(['--no-warnings'])]).toEqual([['--inspect-port=0'], []]);
  });
});

describe('A worker that ends', () => {
  it('is followed at once, but by one a second at most', () => {
    const restarts = new Restarts(0);
    expect(restarts.ended(60_000, true)).toBe(0);
    expect(restarts.ended(60_300, true)).toBe(700);
    expect(restarts.ended(61_100, true)).toBe(900);
    expect(restarts.ended(90_000, true)).toBe(0);
  });

  it('before it has served is waited for longer each time, up to half a minute', () => {
    const restarts = new Restarts(0);
    let now = 0;
    const waits = Array.from({ length: 8 }, () => {
      const waitMs = restarts.ended(now, false);
      now += waitMs;
      return waitMs;
    });
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(restarts.ended(now + 500, true)).toBe(500);
    expect(restarts.ended(now + 1_500, false)).toBe(500);
  });
});

describe('What a worker tells', () => {
  it('is all once a second, and its counts of requests ten times a second while there are any', async () => {
    const clock = new VirtualClock();
    const told: string[] = [];
    const tell = (what: string) => () => void told.push(`${what} at ${clock.now()}`);
    const reporting = new Reporting(clock, { report: tell('report'), tally: tell('tally') });
    reporting.begin();
    await clock.advance(1_000);
    reporting.counted();
    await clock.advance(150);
    reporting.counted();
    reporting.counted();
    await clock.advance(850);
    reporting.end();
    reporting.counted();
    await clock.advance(5_000);
    expect(told).toEqual(['report at 0', 'report at 1000', 'tally at 1100', 'tally at 1200', 'report at 2000']);
  });
});

describe('The count of open requests', () => {
  it('is written at the first change, and within 5 ms where that was not the last', async () => {
    const shown = async (counts: readonly number[], afterMs: number): Promise<number | null> => {
      const clock = new VirtualClock();
      const file = openCount() as OpenCount;
      const writer = new OpenCountWriter(file.fd, clock);
      for (const one of counts) writer.count(one);
      await clock.advance(afterMs);
      return file.end();
    };
    expect(await shown([], 0)).toBe(0);
    expect(await shown([7, 6, 5], 4)).toBe(7);
    expect(await shown([7, 6, 5], 5)).toBe(5);
    expect(await shown([300], 0)).toBe(300);
    const file = openCount() as OpenCount;
    const writer = new OpenCountWriter(file.fd, new VirtualClock());
    for (const one of [7, 6, 5]) writer.count(one);
    writer.write();
    expect(file.end()).toBe(5);
  });

  it('is none where there can be no file, and a worker that cannot write goes on', () => {
    expect(openCount('/nowhere')).toBeNull();
    const fd = openSync('/dev/null', 'r');
    const writer = new OpenCountWriter(fd, new VirtualClock());
    expect(() => writer.count(1)).not.toThrow();
    closeSync(fd);
  });
});

describe('A worker that the system cannot start', () => {
  it('has ended at once, with the reason', async () => {
    const { execPath } = process;
    process.execPath = '/nowhere/node';
    try {
      const end = await new Promise<WorkerEnd>((ended) => {
        const spawn = spawnBy(2, { port: 0, sharing: 'reusePort' }, async () => {});
        spawn({ said: () => {}, ended }).send({ kind: 'discard' });
      });
      expect(end).toEqual({ code: null, signal: null, openRequests: 0, problem: 'spawn /nowhere/node ENOENT' });
    } finally {
      process.execPath = execPath;
    }
  });
});

describe('What several have counted', () => {
  const counted = (): Tally => {
    const tally = new Tally(['messages', 'media'], 0, () => 7_000);
    tally.answered('messages', 'POST', 201, 12, 'a'.repeat(32));
    tally.answered('none', 'BREW', 999, 1);
    tally.held('messages', 'gone', 30_000);
    tally.coreappAnswered('messages', 'failure', 4);
    tally.alarmed('messages');
    tally.replayed('media', 'broken');
    tally.refused('lineFull');
    tally.cut('media', 'callerSlow');
    tally.monitored(1_000);
    tally.reserved('messages', 'store', 3);
    tally.settled('messages~1:x', 100, 30);
    tally.storeCalled('reserve', 'error', 2);
    tally.reloaded('applied');
    tally.spans('exported', 4);
    return tally;
  };
  const build = { version: '1', node: '26' };
  const shown = (tally: Tally) => weirFamilies(tally, busy, build);

  it('is added up: each figure of a tally is in its copy', () => {
    const copy = new Tally(['messages', 'media'], 0, () => 7_000);
    addData(copy, deserialize(serialize(dataOf(counted()))));
    expect(shown(copy)).toEqual(shown(counted()));
    addData(copy, dataOf(counted()));
    const requests = shown(copy).find(({ name }) => name === 'weir_requests_total');
    expect(requests?.values.map(({ value }) => value)).toEqual([2, 2]);
  });

  it('travels from process to process', async () => {
    const options = { version: '1', classes: ['messages'], ownClasses: [], form: null, snapshot: () => busy };
    const meter = new PrometheusMeter(options);
    const { ofNode } = deserialize(serialize(await meter.counted())) as Awaited<ReturnType<typeof meter.counted>>;
    expect(ofNode.map(({ name }) => name)).toContain('process_cpu_seconds_total');
  });
});

describe('How several stand', () => {
  const ofParent = {
    config: busy.config,
    ready: true,
    stopping: false,
    workers: { count: 2, each: [], requestsLost: 0 },
  };

  it('is the sum of what they take and may take, and the worst of what all see', () => {
    const [line] = busy.lines;
    const other = {
      ...busy,
      lines: [{ ...line, oldestMs: 9_000 } as (typeof busy.lines)[number]],
      store: { ...busy.store, up: false, fallback: true, lacks: ['PUBLISH'] },
    };
    const merged = mergedSnapshot([busy, other], ofParent);
    expect(merged.lines).toMatchObject([
      { class: 'messages', requests: 6, requestsMax: 3_302, oldestMs: 9_000 },
      { class: 'contacts', requestsMax: 661 },
    ]);
    expect(merged.buckets[0]).toMatchObject({ rate: 50, burst: 150, level: 31, slotsHeld: 10, pausedMs: 1_500 });
    expect(merged).toMatchObject({ connections: 14, permits: [{ inUse: 4, limit: 128, probing: true }] });
    expect(merged.disk).toEqual({ files: 2, filesMax: 2_000, bytes: 660, bytesMax: 8_192 });
    expect(merged.store).toEqual({ kind: 'redis', up: false, fallback: true, persistence: 'aof', lacks: ['PUBLISH'] });
  });

  it('is nothing while none has said anything, and of one what it says', () => {
    expect(mergedSnapshot([], ofParent)).toMatchObject({ lines: [], connections: 0, store: { up: false } });
    expect(mergedSnapshot([busy], ofParent)).toEqual({ ...busy, ...ofParent });
  });
});

describe('What a worker writes', () => {
  it('is passed on by whole lines, and a line that its end has torn is left out', async () => {
    const passed: string[] = [];
    const chunks = ['{"a":', '1}\n{"b":2}\n{"c"', ':3', '}\n', '{"torn'].map((text) => Buffer.from(text));
    await passWholeLines(Readable.from(chunks), async (lines) => void passed.push(lines.toString()));
    expect(passed).toEqual(['{"a":1}\n{"b":2}\n', '{"c":3}\n']);
  });
});
