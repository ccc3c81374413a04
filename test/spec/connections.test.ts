/** Who may have how many connections, and which is closed where room has to be made. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Connection, ConnectionTable } from '../../src/wire/connections.ts';

/** A table whose connections have names: who closes, and who is turned away, is noted. */
class Crowd {
  readonly table: ConnectionTable;
  readonly closed: string[] = [];
  readonly open = new Map<string, Connection>();

  constructor(max: number, perAddressMax: number | null = null, closesBusy = false) {
    this.table = new ConnectionTable({ max, perAddressMax, closesBusy });
  }

  /** False: there was no room. */
  come(name: string, address: string, shared = false): boolean {
    const destroy = (): void => {
      this.closed.push(name);
      this.open.delete(name);
    };
    const connection = this.table.open(address, shared, { destroy });
    if (connection !== null) this.open.set(name, connection);
    return connection !== null;
  }

  /** `a1` to `a<n>`, of one address. */
  many(address: string, count: number): number {
    let came = 0;
    for (let i = 1; i <= count; i++) if (this.come(`${address}${i}`, address)) came += 1;
    return came;
  }

  of(name: string): Connection {
    return this.open.get(name) as Connection;
  }

  begin(...names: readonly string[]): void {
    for (const name of names) this.table.began(this.of(name));
  }

  end(name: string): void {
    this.table.ended(this.of(name));
  }

  know(...names: readonly string[]): void {
    for (const name of names) this.of(name).known = true;
  }
}

describe('One address', () => {
  test('has nine tenths of what others leave; the next one takes the place of its own that has rested longest', () => {
    const crowd = new Crowd(100);
    expect(crowd.many('a', 95)).toBe(95);
    expect(crowd.closed).toEqual(['a1', 'a2', 'a3', 'a4', 'a5']);
    expect(crowd.table.count).toBe(90);
  });

  test('has less the more others have, and whoever has none finds room', () => {
    const crowd = new Crowd(100);
    for (const address of ['a', 'b', 'c', 'd', 'e']) crowd.many(address, 100);
    const had = ['a', 'b', 'c', 'd', 'e'].map((a) => [...crowd.open.keys()].filter((name) => name[0] === a).length);
    expect(had).toEqual([88, 9, 1, 1, 1]);
    expect(crowd.come('z', 'z')).toBe(true);
    expect(crowd.table.count).toBeLessThanOrEqual(100);
  });

  test('is turned away where all that it has is in use', () => {
    const crowd = new Crowd(10);
    crowd.many('a', 9);
    crowd.begin(...crowd.open.keys());
    expect(crowd.come('late', 'a')).toBe(false);
    crowd.end('a5');
    expect(crowd.come('later', 'a')).toBe(true);
    expect(crowd.closed).toEqual(['a5']);
  });

  test('has no more than the setting says', () => {
    const crowd = new Crowd(100, 3);
    crowd.many('a', 5);
    crowd.many('b', 2);
    expect([crowd.table.count, crowd.closed]).toEqual([5, ['a1', 'a2']]);
  });

  test('that many callers share has no bound but that of all', () => {
    const crowd = new Crowd(10, 2);
    for (let i = 1; i <= 10; i++) expect(crowd.come(`p${i}`, 'proxy', true)).toBe(true);
    expect([crowd.table.count, crowd.closed]).toEqual([10, []]);
  });
});

describe('Where all are taken', () => {
  test('the idle one of the address that has most is closed', () => {
    const crowd = new Crowd(10);
    crowd.many('a', 6);
    crowd.many('b', 2);
    crowd.many('c', 1);
    crowd.come('d1', 'd');
    expect(crowd.come('e1', 'e')).toBe(true);
    expect(crowd.come('f1', 'f')).toBe(true);
    expect(crowd.closed).toEqual(['a1', 'a2']);
  });

  test('busy ones are left alone, and count for their address all the same', () => {
    const crowd = new Crowd(10);
    crowd.many('a', 6);
    crowd.many('b', 3);
    crowd.come('c1', 'c');
    crowd.begin('a1', 'a2', 'a3', 'a4', 'a6');
    for (const newcomer of ['d', 'e']) crowd.come(newcomer, newcomer);
    expect(crowd.closed).toEqual(['a5', 'b1']);
  });

  test('strangers go before those that have shown a credential, whoever has more', () => {
    const crowd = new Crowd(10);
    crowd.many('a', 7);
    crowd.know(...crowd.open.keys());
    crowd.many('b', 2);
    crowd.come('c1', 'c');
    for (const newcomer of ['d', 'e', 'f']) {
      crowd.come(newcomer, newcomer);
      crowd.know(newcomer);
    }
    expect(crowd.closed).toEqual(['b1', 'b2', 'c1']);
    crowd.come('g', 'g');
    expect(crowd.closed.at(-1)).toBe('a1');
  });

  test('those of a shared address go last', () => {
    const crowd = new Crowd(10);
    for (let i = 1; i <= 7; i++) crowd.come(`p${i}`, 'proxy', true);
    crowd.many('a', 2);
    crowd.come('b1', 'b');
    crowd.know('a1', 'a2');
    for (const newcomer of ['c', 'd']) crowd.come(newcomer, newcomer);
    expect(crowd.closed).toEqual(['b1', 'c']);
    crowd.know('d');
    crowd.come('e', 'e');
    expect(crowd.closed.at(-1)).toBe('a1');
  });

  test('one that has been used since it was chosen stays', () => {
    const crowd = new Crowd(100);
    crowd.many('a', 90);
    for (let i = 0; i < 10; i++) crowd.come(`b${i}`, `b${i}`);
    crowd.come('c1', 'c');
    crowd.begin('a2');
    crowd.end('a2');
    crowd.begin('a3');
    crowd.come('d1', 'd');
    expect(crowd.closed).toEqual(['a1', 'a4']);
  });

  test('and busy, a newcomer is turned away, or takes the place of the greediest where that is wanted', () => {
    for (const closesBusy of [false, true]) {
      const crowd = new Crowd(4, null, closesBusy);
      crowd.many('a', 3);
      crowd.come('b1', 'b');
      crowd.begin('a1', 'a2', 'a3', 'b1');
      expect(crowd.come('c1', 'c')).toBe(closesBusy);
      expect(crowd.closed).toEqual(closesBusy ? ['a1'] : []);
    }
  });
});

test('In any order of events the bounds hold, a newcomer finds room while anything is idle, and nothing is left behind', () => {
  const event = fc.record({
    what: fc.constantFrom('come', 'come', 'come', 'begin', 'end', 'know', 'leave'),
    who: fc.nat(4),
    which: fc.nat(30),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 300 }), fc.integer({ min: 1, max: 20 }), (events, max) => {
      const crowd = new Crowd(max);
      const busy = new Map<string, number>();
      let number = 0;
      for (const { what, who, which } of events) {
        const names = [...crowd.open.keys()];
        const name = names[which % Math.max(1, names.length)];
        if (what === 'come') {
          const idle = names.some((one) => (busy.get(one) ?? 0) === 0);
          const own = names.filter((one) => one.startsWith(`${who}:`)).length;
          const came = crowd.come(`${who}:${++number}`, String(who), who === 4);
          if (own === 0 && (idle || names.length < max)) expect(came).toBe(true);
        } else if (name === undefined) continue;
        else if (what === 'begin') {
          crowd.begin(name);
          busy.set(name, (busy.get(name) ?? 0) + 1);
        } else if (what === 'end' && (busy.get(name) ?? 0) > 0) {
          crowd.end(name);
          busy.set(name, (busy.get(name) as number) - 1);
        } else if (what === 'know') crowd.know(name);
        else if (what === 'leave') {
          crowd.table.leave(crowd.of(name));
          crowd.open.delete(name);
        }
        expect(crowd.closed.some((one) => (busy.get(one) ?? 0) > 0)).toBe(false);
        expect(crowd.table.count).toBe(crowd.open.size);
        expect(crowd.open.size).toBeLessThanOrEqual(max);
      }
    }),
  );
});

test('Ten thousand newcomers to a full table cost no search each', () => {
  const crowd = new Crowd(10_000);
  crowd.many('a', 9_000);
  for (let i = 0; i < 1_000; i++) crowd.come(`b${i}`, `b${i}`);
  for (let i = 0; i < 10_000; i++) expect(crowd.come(`c${i}`, `c${i}`)).toBe(true);
  expect(crowd.table.count).toBe(10_000);
  // Down to where it has no more than others: one.
  expect([...crowd.open.keys()].filter((name) => name.startsWith('a')).length).toBeLessThanOrEqual(1);
});
