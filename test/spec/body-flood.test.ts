/** Uploads that take room and don't end, beside callers who want little of it: in virtual time, with the defaults. */
import { describe, expect, it } from 'vitest';
import { BodyAllocation } from '../../src/bodies/body-allocation.ts';
import { BodyBudget } from '../../src/bodies/body-budget.ts';
import { DiskBudget } from '../../src/bodies/disk.ts';
import { ArrivingBody } from '../../src/wire/server/body.ts';
import { ScriptedDisk } from '../support/scripted-disk.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const kib = 1_024;
const mib = 1_024 * kib;
const userOf = (name: string) => ({ kind: 'user', name, role: 'ROLE_USER' }) as const;

/** A class as it is by default; what goes to files is none of these tests' business, unless they say so. */
class Scene {
  readonly clock = new VirtualClock();
  readonly drive = new ScriptedDisk(this.clock);
  readonly disk: DiskBudget;
  readonly budget = new BodyBudget({ lineMaxBytes: 64 * mib, callerMaxBytes: 32 * mib, bodyMaxBytes: mib }, () =>
    this.clock.now(),
  );

  constructor(bounds: Partial<ConstructorParameters<typeof DiskBudget>[0]> = {}) {
    const inMemory = { memoryMaxBytes: mib, diskMaxBytes: 2_048 * mib, filesMax: 1_000, callerFilesMax: 500 };
    this.disk = new DiskBudget({ ...inMemory, ...bounds }, this.drive.create);
  }

  /** A body that is announced; null: there is no room for it. */
  announce(user: string, bytes: number): Upload | null {
    const allocation = new BodyAllocation(this.budget, userOf(user), this.disk);
    const body = ArrivingBody.expect(bytes, mib, allocation);
    return body === null ? null : new Upload(body, allocation, user);
  }

  /** A message that came with its head, and is let go of at once. */
  message(user: string, bytes: number): boolean {
    const allocation = new BodyAllocation(this.budget, userOf(user), this.disk);
    const taken = allocation.tryTake(bytes);
    allocation.release();
    return taken;
  }
}

class Upload {
  gaveWay = false;
  readonly body: ArrivingBody;
  readonly allocation: BodyAllocation;
  readonly user: string;

  constructor(body: ArrivingBody, allocation: BodyAllocation, user: string) {
    this.body = body;
    this.allocation = allocation;
    this.user = user;
    body.coming(() => {
      this.gaveWay = true;
    });
  }

  /** False: it was refused. */
  bring(bytes: number): boolean {
    if (this.body.take(Buffer.alloc(bytes)) === null) return true;
    this.allocation.release();
    return false;
  }
}

describe('two users who announce 34 bodies of 1 MiB each and send 600 bytes a second', () => {
  it('leave room for everybody’s messages and quick uploads, for as long as it goes on', async () => {
    const scene = new Scene();
    let flood: Upload[] = [];
    const announce = (): void => {
      for (const user of ['ann', 'ben']) {
        while (flood.filter((upload) => upload.user === user).length < 34) {
          const upload = scene.announce(user, mib);
          if (upload === null) break;
          flood.push(upload);
        }
      }
    };
    for (let seconds = 0; seconds < 3_600; seconds += 5) {
      announce();
      flood = flood.filter((upload) => !upload.gaveWay && upload.bring(5 * 600));
      expect(scene.message('eve', 100)).toBe(true);
      if (seconds % 60 === 0) {
        const quick = scene.announce('eve', mib) as Upload;
        for (let i = 0; i < 16; i++) expect(quick.bring(64 * kib)).toBe(true);
        quick.allocation.release();
      }
      await scene.clock.advance(5_000);
    }
    expect(scene.budget.inUse).toBeLessThanOrEqual(64 * mib);
  });

  it('who have filled their shares with whole bodies leave them room as well', () => {
    const scene = new Scene();
    const whole = (user: string, bytes: number) =>
      new BodyAllocation(scene.budget, userOf(user), scene.disk).tryTake(bytes);
    for (const user of ['ann', 'ben']) while (whole(user, 100));
    expect(scene.message('eve', 100)).toBe(true);
    expect(scene.message('eve', mib)).toBe(true);
    for (const user of ['cam', 'dan', 'fay', 'gus']) while (whole(user, mib));
    for (let i = 0; i < 100; i++) whole(`user ${i}`, mib);
    expect(scene.message('eve', mib)).toBe(false);
    expect(scene.message('eve', 16 * kib)).toBe(true);
  });
});

describe('where room is short', () => {
  /** Half a class is taken by whole bodies of one caller, 31 MiB; a sixteenth is kept for small ones. */
  function halfFull(): Scene {
    const scene = new Scene();
    const kept = new BodyAllocation(scene.budget, userOf('kay'), scene.disk);
    for (let i = 0; i < 31; i++) kept.tryTake(mib);
    return scene;
  }

  it('a slow body gives way to a quick one of a caller that has less, the slowest first', async () => {
    const scene = halfFull();
    const early = Array.from({ length: 15 }, () => scene.announce('ann', mib) as Upload);
    for (const upload of early) expect(upload.bring(mib - 1)).toBe(true);
    await scene.clock.advance(30_000);
    const later = scene.announce('ann', mib) as Upload;
    expect(later.bring(mib - 1)).toBe(true);
    const small = Array.from({ length: 13 }, (_, i) => scene.announce(`user ${i}`, mib) as Upload);
    for (const upload of small) expect(upload.bring(mib - 1)).toBe(true);
    await scene.clock.advance(30_000);
    const quick = scene.announce('eve', mib) as Upload;
    expect(quick.bring(mib)).toBe(true);
    expect([later, ...small].some(({ gaveWay }) => gaveWay)).toBe(false);
    const gone = early.filter(({ gaveWay }) => gaveWay);
    expect(gone).toHaveLength(1);
    const [gave] = gone as [Upload];
    expect([gave.allocation.bytes, gave.allocation.lack]).toEqual([0, 'slow']);
  });

  it('a quick one does not give way to a newcomer, nor a slow one to a caller that has more', async () => {
    const scene = halfFull();
    const quick = Array.from({ length: 16 }, () => scene.announce('ann', mib) as Upload);
    for (const upload of quick) expect(upload.bring(mib - 1)).toBe(true);
    const rest = Array.from({ length: 13 }, (_, i) => scene.announce(`user ${i}`, mib) as Upload);
    for (const upload of rest) expect(upload.bring(mib - 1)).toBe(true);
    expect(scene.announce('eve', mib)).toBeNull();
    await scene.clock.advance(60_000);
    expect(scene.announce('kay', mib)).toBeNull();
    expect([...quick, ...rest].some(({ gaveWay }) => gaveWay)).toBe(false);
    expect(scene.announce('eve', mib)).not.toBeNull();
  });

  it('nobody gives way in vain', async () => {
    const scene = halfFull();
    for (let i = 0; i < 28; i++) new BodyAllocation(scene.budget, userOf(`user ${i}`), scene.disk).tryTake(mib);
    const slow = scene.announce('ann', mib) as Upload;
    expect(slow.bring(mib / 2)).toBe(true);
    new BodyAllocation(scene.budget, userOf('ben'), scene.disk).tryTake(mib / 2);
    await scene.clock.advance(60_000);
    expect(scene.announce('eve', mib)).toBeNull();
    expect(slow.gaveWay).toBe(false);
    expect(scene.announce('eve', mib / 4)?.bring(mib / 4)).toBe(true);
    expect(slow.gaveWay).toBe(true);
  });
});

describe('files and the disk', () => {
  it('two users can’t shut out a third: each has half of what others leave', () => {
    const scene = new Scene({ memoryMaxBytes: 16 * kib, filesMax: 40, callerFilesMax: 20 });
    const open = (user: string) => typeof scene.disk.tryOpen(`user:${user}`, 64 * kib) !== 'string';
    const counts = ['ann', 'ben', 'cam', 'dan'].map((user) => {
      let files = 0;
      while (open(user)) files += 1;
      return files;
    });
    expect(counts).toEqual([20, 10, 5, 2]);
    expect(open('eve')).toBe(true);
  });

  it('nor by the bytes of a few files; and one file may be as large as there is room', () => {
    const scene = new Scene({ memoryMaxBytes: 16 * kib, diskMaxBytes: 64 * mib });
    const fill = (user: string): number => {
      let bytes = 0;
      while (typeof scene.disk.tryOpen(`user:${user}`, mib) !== 'string') bytes += mib;
      return bytes / mib;
    };
    expect(['ann', 'ben', 'cam'].map(fill)).toEqual([32, 16, 8]);
    expect(typeof scene.disk.tryOpen('user:eve', 8 * mib)).toBe('object');
    expect(scene.disk.tryOpen('user:fay', 1)).toBe('disk');
  });
});
