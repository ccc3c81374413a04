/** How many requests may be in flight at the Coreapp, and what becomes of those who wait for that. */
import { describe, expect, test } from 'vitest';
import { type ConcurrencyBounds, InFlightBudget } from '../../src/admission/concurrency/in-flight-budget.ts';
import { ConcurrencyLimiter } from '../../src/admission/concurrency/limiter.ts';
import type { Permit, PermitEnd } from '../../src/exchange/exchange.ts';
import { Lines, type Visit } from '../support/lines.ts';

const middle = (): number => 0.5;

/** A limiter whose time is a number that the test sets. It starts with all permits that there may be. */
function pool(options: Partial<ConcurrencyBounds> & { readonly random?: () => number } = {}) {
  const { min = 1, max = 10, initial = max, random = middle } = options;
  const time = { ms: 0, freed: 0 };
  const freed = () => void time.freed++;
  const limiter = new ConcurrencyLimiter(new InFlightBudget({ min, initial, max }), () => time.ms, random, freed);
  const take = (count: number): Permit[] => Array.from({ length: count }, () => limiter.take(time.ms));
  /** One full flight that comes to this, with as many behind it as become free. */
  const fly = (how: PermitEnd): void => {
    for (const permit of take(limiter.limit - limiter.inUse)) permit.end(how);
  };
  /** As many are in flight as may be; of each flight all are answered, and others take their places. */
  const busy = (): { answers: (count: number) => void; flight: Permit[] } => {
    const flight: Permit[] = [];
    const fill = (): void => {
      while (limiter.available(time.ms)) flight.push(limiter.take(time.ms));
    };
    fill();
    return {
      flight,
      answers(count) {
        for (let i = 0; i < count; i++) {
          flight.shift()?.end('answered');
          fill();
        }
      },
    };
  };
  return { limiter, time, take, fly, busy };
}

describe('Permits', () => {
  test('are there up to their number', () => {
    const { limiter, take } = pool({ max: 2 });
    take(1);
    expect(limiter.available(0)).toBe(true);
    take(1);
    expect(limiter.available(0)).toBe(false);
  });

  test.each<[string, (permit: Permit) => void]>([
    ['twice', (permit) => [permit.end('answered'), permit.end('answered')]],
    ['by its end and by its scope', (permit) => [permit.end('refused'), permit[Symbol.dispose]()]],
    ['by two scopes', (permit) => [permit[Symbol.dispose](), permit[Symbol.dispose]()]],
    ['and said to have ended otherwise', (permit) => [permit.end('unused'), permit.end('refused')]],
  ])('given back %s are given back once', (_, giveBack) => {
    const { limiter, time, take } = pool();
    const [permit] = take(2);
    giveBack(permit as Permit);
    expect(limiter.inUse).toBe(1);
    expect(time.freed).toBe(1);
  });

  test('go back by themselves at the end of their scope', () => {
    const { limiter, take } = pool();
    {
      using _permit = take(1)[0] as Permit;
      expect(limiter.inUse).toBe(1);
    }
    expect(limiter.inUse).toBe(0);
  });
});

describe('The number of permits', () => {
  test.each<[string, inFlight: number, how: PermitEnd, limit: number]>([
    //                                                       in flight           of ten left
    ['falls by one with a refusal', 10, 'refused', 9],
    ['falls to what is left in flight, not from what it was', 5, 'refused', 4],
    ['never falls below one', 1, 'refused', 1],
    ['is not touched by an answer', 10, 'answered', 10],
    ['is not touched by a broken exchange', 10, 'failed', 10],
    ['is not touched by one that was not used', 10, 'unused', 10],
  ])('%s', (_, inFlight, how, limit) => {
    const { limiter, take } = pool({ max: 10 });
    take(inFlight)[0]?.end(how);
    expect(limiter.limit).toBe(limit);
  });

  test.each([
    // Refused of ten, left
    [0, 10],
    [1, 9],
    [4, 6],
    [9, 1],
    [10, 1],
  ])('falls by the share of a flight that was refused: %i of ten leave %i', (refused, left) => {
    const { limiter, take } = pool({ max: 10 });
    take(10).forEach((permit, index) => {
      permit.end(index < refused ? 'refused' : 'unused');
    });
    expect(limiter.limit).toBe(left);
  });

  test('does not fall below its minimum, and then there is one probe at a time all the same', () => {
    const { limiter, time, fly } = pool({ min: 3, max: 10 });
    fly('refused');
    expect(limiter.limit).toBe(3);
    time.ms = limiter.pausedUntil;
    expect(limiter.available(time.ms)).toBe(true);
    limiter.take(time.ms);
    expect(limiter.available(time.ms)).toBe(false);
  });

  test('starts where it is told, and doubles with each full flight of answers, up to its maximum', () => {
    const { limiter, busy } = pool({ initial: 2, max: 10 });
    const { answers } = busy();
    const limits = [2, 4, 8].map((flight) => {
      answers(flight);
      return limiter.limit;
    });
    expect(limits).toEqual([4, 8, 10]);
  });

  test('does not rise where it is not what holds requests back', () => {
    const { limiter, time, take } = pool({ initial: 5, max: 10 });
    for (let i = 0; i < 1_000; i++) {
      time.ms += 10;
      take(1)[0]?.end('answered');
    }
    expect(limiter.limit).toBe(5);
  });

  describe('once it is known how many are good', () => {
    /** A Coreapp that takes eight at once has just refused the ninth. */
    function knowing() {
      const made = pool({ initial: 9, max: 64 });
      const { flight, answers } = made.busy();
      flight.pop()?.end('refused');
      expect(made.limiter.limit).toBe(8);
      return { ...made, flight, answers };
    }

    test('stays there for 32 flights, then one more is tried', () => {
      const { limiter, answers } = knowing();
      // The first eight were in flight with the ninth: no news.
      answers(8 + 32 * 8 - 1);
      expect(limiter.limit).toBe(8);
      answers(1);
      expect(limiter.limit).toBe(9);
    });

    test('rises twice as wide with every four flights that go well beyond it', () => {
      const { limiter, answers } = knowing();
      answers(8 + 32 * 8);
      const limits = [9, 11, 15, 23].map((flight) => {
        answers(4 * flight);
        return limiter.limit;
      });
      expect(limits).toEqual([11, 15, 23, 39]);
    });

    test('a try that is refused costs a fifth for one flight: room for others who share the Coreapp', () => {
      const { limiter, flight, answers } = knowing();
      answers(8 + 32 * 8);
      flight.pop()?.end('refused');
      expect([limiter.limit, limiter.inUse]).toEqual([6, 8]);
      answers(2);
      expect([limiter.limit, limiter.inUse]).toEqual([6, 6]);
      answers(6 + 2);
      expect(limiter.limit).toBe(8);
      answers(8 * 32 - 1);
      expect(limiter.limit).toBe(8);
    });

    test('and has been for long, another trouble does not make it forgotten', () => {
      const { limiter, time, flight, answers, busy } = knowing();
      answers(8 + 32 * 8);
      flight.pop()?.end('refused');
      answers(12);
      for (const permit of flight.splice(0)) permit.end('refused');
      expect(limiter.limit).toBe(1);
      time.ms = limiter.pausedUntil;
      busy().answers(1 + 2 + 4);
      expect(limiter.limit).toBe(8);
    });
  });

  test('learns nothing from what was in flight before the latest refusal', () => {
    const { limiter, take } = pool({ initial: 9, max: 64 });
    const flight = take(9);
    flight.pop()?.end('refused');
    const [fresh] = [flight.pop()?.end('answered'), limiter.take(0)].slice(1) as [Permit];
    fresh.end('answered'); // The trouble is over.
    for (const permit of flight) permit.end('refused');
    expect(limiter.limit).toBe(8);
    expect(limiter.probing).toBe(false);
  });
});

/** A Coreapp that takes 10 ms and does what `mood` says at that time. */
function coreapp(options: { mood: (atMs: number) => 'answered' | 'refused'; random?: () => number }) {
  let inFlight = 0;
  const seen: { at: number; label: string; inFlight: number; how: string }[] = [];
  const done: Visit[] = [];
  const roomy = { rate: 10_000, burst: 10_000, holdMaxMs: 600_000 };
  const lines: Lines = new Lines({
    limits: { messages: roomy, contacts: roomy, media: roomy },
    permitsMax: 50,
    random: options.random ?? middle,
    onSent(visit) {
      inFlight += 1;
      const at = lines.clock.now();
      lines.clock.after(10, () => {
        const how = options.mood(lines.clock.now());
        seen.push({ at, label: visit.label, inFlight, how });
        inFlight -= 1;
        if (how === 'answered') {
          lines.answer(visit);
          done.push(visit);
        } else lines.sendBack(visit, 0, 'refused');
      });
    },
  });
  return { lines, seen, done };
}

describe('While the Coreapp refuses everything', () => {
  test('one probe at a time goes out, after pauses that grow to a second', async () => {
    const { lines, seen } = coreapp({ mood: () => 'refused' });
    for (let i = 0; i < 200; i++) lines.arrive(`${i}`);
    await lines.clock.advance(20_000);
    const probes = seen.filter(({ at }) => at > 500);
    expect(Math.max(...probes.map(({ inFlight }) => inFlight))).toBe(1);
    const pauses = probes.slice(1).map(({ at }, index) => at - (probes[index] as { at: number }).at - 10);
    expect(Math.min(...pauses.slice(-10))).toBeGreaterThanOrEqual(500);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_001);
    expect(seen.length).toBeLessThan(300);
  });

  test('the pauses are jittered by half, so that replicas do not probe together', async () => {
    const spread = await Promise.all(
      [0, 0.999].map(async (random) => {
        const { lines, seen } = coreapp({ mood: () => 'refused', random: () => random });
        lines.arrive('a');
        await lines.clock.advance(30_000);
        const [previous, last] = seen.slice(-2).map(({ at }) => at) as [number, number];
        return last - previous - 10;
      }),
    );
    expect(spread[0]).toBeCloseTo(500, 0);
    expect(spread[1]).toBeGreaterThan(998);
  });

  test('it is the oldest of a line that probes', async () => {
    const { lines, seen } = coreapp({ mood: () => 'refused' });
    await lines.arriveAll('abc');
    await lines.clock.advance(10_000);
    // By then there is one permit: the first flight was of three.
    const probes = seen.filter(({ at }) => at > 500);
    expect(new Set(probes.map(({ label }) => label))).toEqual(new Set(['a']));
  });

  test('the classes take turns at probing', async () => {
    const { lines, seen } = coreapp({ mood: () => 'refused' });
    await lines.arriveAll('m');
    await lines.arriveAll('c', 'contacts');
    await lines.arriveAll('i', 'media');
    await lines.clock.advance(10_000);
    const probes = seen.slice(-6).map(({ label }) => label);
    expect(probes.slice(0, 3).toSorted()).toEqual(['c', 'i', 'm']);
    expect(probes.slice(3)).toEqual(probes.slice(0, 3));
  });

  test('a class still gets its turn when the caller who probed has hung up', async () => {
    let refusing = true;
    const { lines } = coreapp({ mood: () => (refusing ? 'refused' : 'answered') });
    const probe = lines.arrive('m');
    await lines.clock.advance(5);
    const other = lines.arrive('c', { name: 'contacts' });
    await lines.clock.advance(3_000);
    probe.downstream.hangUp();
    refusing = false;
    await lines.clock.advance(2_500);
    expect(other.ends.at(-1)?.kind).toBe('sent');
    expect(lines.line('contacts').requests).toBe(0);
  });

  test('who comes during a pause waits for its end, not for the next request', async () => {
    let refusing = true;
    const { lines } = coreapp({ mood: () => (refusing ? 'refused' : 'answered') });
    const probe = lines.arrive('m');
    await lines.clock.advance(3_000);
    refusing = false;
    probe.downstream.hangUp(); // Nobody is left in its line.
    await lines.clock.advance(20);
    const late = lines.arrive('c', { name: 'contacts' });
    await lines.clock.advance(1_100);
    expect(late.ends.at(-1)?.kind).toBe('sent');
  });
});

describe('Once the Coreapp answers again', () => {
  test('all that waited are served, each once, and the permits come back', async () => {
    const { lines, done } = coreapp({ mood: (at) => (at > 1_000 && at < 4_000 ? 'refused' : 'answered') });
    const visits: Visit[] = [];
    for (let i = 0; i < 600; i++) {
      visits.push(lines.arrive(`${i}`, { name: i % 3 === 0 ? 'contacts' : 'messages' }));
      await lines.clock.advance(10);
    }
    await lines.clock.advance(10_000);
    expect(done).toHaveLength(600);
    expect(new Set(done).size).toBe(600);
    expect(lines.admit.budget.inUse).toBe(0);
    expect(lines.admit.gates('messages').limiter.limit).toBeGreaterThan(5);
    expect(visits.every(({ state }) => state === 'sent')).toBe(true);
  });

  test('the backlog is gone within seconds', async () => {
    const { lines, done } = coreapp({ mood: (at) => (at < 3_000 ? 'refused' : 'answered') });
    for (let i = 0; i < 500; i++) lines.arrive(`${i}`);
    await lines.clock.run(3_000 + 1_000 + 1_500);
    expect(done).toHaveLength(500);
  });
});

describe('Trouble of one kind', () => {
  /** The limiters of two classes that share `max` permits. */
  const ofTwoClasses = (max: number, now: () => number) => {
    const budget = new InFlightBudget({ min: 1, initial: max, max });
    const ofAClass = () => new ConcurrencyLimiter(budget, now, middle, () => {});
    return [ofAClass(), ofAClass()] as const;
  };

  test('holds up its own class only: an endpoint that always refuses leaves the others alone', () => {
    const time = { ms: 0 };
    const [sick, well] = ofTwoClasses(10, () => time.ms);
    for (let i = 0; i < 20; i++) {
      time.ms += 2_000;
      sick.take(time.ms).end('refused');
    }
    expect(sick.available(time.ms)).toBe(false);
    expect(sick.limit).toBe(1);
    expect(well.available(time.ms)).toBe(true);
    expect(well.limit).toBe(10);
  });

  test('does not add up beyond what all classes share', () => {
    const [one, other] = ofTwoClasses(3, () => 0);
    for (let i = 0; i < 2; i++) one.take(0);
    const last = other.take(0);
    expect([one.available(0), other.available(0)]).toEqual([false, false]);
    last.end('answered');
    expect([one.available(0), other.available(0)]).toEqual([true, true]);
  });

  test.each([1, 3])('lets one probe out beside %i long uploads that began before it', (count) => {
    const { limiter, time, take } = pool();
    const uploads = take(count);
    for (let i = 0; i < 12; i++) {
      time.ms += 5_000;
      expect(limiter.available(time.ms)).toBe(true);
      take(1)[0]?.end('refused');
      expect(limiter.available(time.ms)).toBe(false);
    }
    time.ms += 5_000;
    const [probe] = take(1);
    expect(limiter.available(time.ms)).toBe(false);
    probe?.end('answered');
    expect(limiter.available(time.ms)).toBe(true);
    for (const upload of uploads) upload.end('answered');
    expect(limiter.inUse).toBe(0);
  });

  test('does not wait for ever for a probe that hangs: the next one goes out after two seconds', () => {
    const { limiter, time, take, fly } = pool({ random: () => 0.999 });
    fly('refused');
    time.ms = limiter.pausedUntil;
    take(1);
    expect(limiter.available(time.ms + 1_900)).toBe(false);
    expect(limiter.available(time.ms + 2_000)).toBe(true);
  });

  test('is not over with an answer to what was sent before it, but its place may be tried at once', () => {
    const { limiter, time, take } = pool({ max: 10 });
    const [old, ...others] = take(10);
    for (const permit of others) permit.end('refused');
    time.ms = 10_000;
    take(1)[0]?.end('refused');
    expect([limiter.probing, limiter.available(time.ms)]).toEqual([true, false]);
    old?.end('answered');
    expect([limiter.probing, limiter.available(time.ms)]).toEqual([true, true]);
  });
});

describe('Without a permit', () => {
  test('no slot is used, and no more are taken than who waits can use', async () => {
    const lines = new Lines({ permitsMax: 2, limits: { messages: { rate: 50, burst: 150 } } });
    const visits = await lines.arriveAll('abcde');
    const asked = lines.asked.length;
    await lines.clock.advance(20_000);
    expect(lines.sent).toEqual(['a@0', 'b@1']);
    expect(lines.asked.length - asked).toBeLessThanOrEqual(1);
    lines.answer(visits[0] as Visit);
    await lines.clock.settle();
    expect(lines.sent.map((text) => text[0])).toEqual(['a', 'b', 'c']);
  });

  test('the bucket is not asked again while a slot is open, however many come', async () => {
    const lines = new Lines({ permitsMax: 1, limits: { messages: { rate: 50, burst: 150 } } });
    lines.arrive('a');
    await lines.clock.settle();
    const asked = lines.asked.length;
    for (let i = 0; i < 2_000; i++) {
      lines.arrive(`${i}`);
      await lines.clock.advance(10);
    }
    expect(lines.line().requests).toBe(2_000);
    // A slot is open for about three seconds; these were twenty.
    expect(lines.asked.length - asked).toBeLessThanOrEqual(2 * (20 / 3));
  });

  test('the hold time ends all the same', async () => {
    const lines = new Lines({ permitsMax: 1, limits: { messages: { rate: 50, burst: 150, holdMaxMs: 3_000 } } });
    const [, b] = await lines.arriveAll('ab');
    await lines.clock.advance(10_000);
    expect(b?.ends).toEqual([{ kind: 'holdTimeOver', at: 3_001 }]);
  });

  test('classes take turns at each permit that comes back', async () => {
    const sent: Visit[] = [];
    const roomy = { rate: 1_000, burst: 100 };
    const lines = new Lines({
      permitsMax: 1,
      limits: { messages: roomy, contacts: roomy },
      onSent: (visit) => void sent.push(visit),
    });
    await lines.arriveAll('mnop');
    await lines.arriveAll('cde', 'contacts');
    for (let served = 0; served < 6; served++) {
      lines.answer(sent.at(-1) as Visit);
      await lines.clock.advance(1);
    }
    expect(sent.map(({ label }) => label).join('')).toBe('mncodpe');
  });
});
