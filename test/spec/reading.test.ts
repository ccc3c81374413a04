/** A body on its way to a file comes no faster than the disk takes it, in virtual time. */
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { BodyAllocation } from '../../src/bodies/body-allocation.ts';
import { BodyBudget } from '../../src/bodies/body-budget.ts';
import { DiskBudget } from '../../src/bodies/disk.ts';
import type { BodyFile, BodyRead } from '../../src/exchange/bodies.ts';
import { ArrivingBody } from '../../src/wire/server/body.ts';
import { Reading } from '../../src/wire/server/reading.ts';
import { contentOf, ScriptedDisk } from '../support/scripted-disk.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const kib = 1_024;
const callMs = 10;

/** A body of 256 KiB that is read with 16 KiB of memory and a disk that takes 10 ms for each call. */
function begin() {
  const clock = new VirtualClock();
  const drive = new ScriptedDisk(clock, { callMs, fullAfterBytes: [] });
  const disk = new DiskBudget(
    { memoryMaxBytes: 16 * kib, diskMaxBytes: 10_000 * kib, filesMax: 10, callerFilesMax: 10 },
    drive.create,
  );
  const bounds = { lineMaxBytes: 10_000 * kib, callerMaxBytes: 10_000 * kib, bodyMaxBytes: 1_000 * kib };
  const allocation = new BodyAllocation(new BodyBudget(bounds, () => clock.now()), { kind: 'key' }, disk);
  const arriving = ArrivingBody.expect(256 * kib, 256 * kib, allocation) as ArrivingBody;
  const request = new Readable({ read() {} });
  const watched: (() => void)[] = [];
  const watch = (idle: () => void) => {
    watched.push(idle);
    return { moved() {}, done: () => void watched.splice(watched.indexOf(idle), 1) };
  };
  let end: BodyRead | null = null;
  const reading = new Reading(request, arriving, { watch }, (read) => {
    end = read;
  });
  request.on('data', (chunk: Buffer) => reading.take(chunk)).on('end', () => reading.finish());
  return { clock, drive, request, watched, reading, end: () => end };
}

describe('a body on its way to a file', () => {
  it('is taken as the disk writes it, and no further', async () => {
    const { clock, drive, request, end } = begin();
    const piece = Buffer.alloc(64 * kib, 'x');
    for (let i = 0; i < 4; i++) request.push(piece);
    request.push(null);
    await clock.settle();
    for (let written = 0; written < 4; written++) {
      expect(drive.bytes).toBe(written * 64 * kib);
      expect(request.isPaused()).toBe(true);
      expect(request.readableLength).toBe((3 - written) * 64 * kib);
      await clock.advance(callMs);
    }
    expect(end()).toMatchObject({ kind: 'body', body: { bytes: 256 * kib } });
  });

  it('is whole only when its last bytes are written, though all of it has come', async () => {
    const { clock, request, end } = begin();
    for (let i = 0; i < 31; i++) request.push(Buffer.alloc(8 * kib, 'x'));
    request.push(Buffer.alloc(8 * kib, 'y'));
    request.push(null);
    await clock.advance(15 * callMs);
    expect(end()).toBeNull();
    await clock.advance(callMs);
    const read = end() as unknown as Extract<BodyRead, { kind: 'body' }>;
    const content = contentOf(read.body as BodyFile, 300 * kib);
    await clock.advance(2 * callMs);
    expect(await content).toEqual(Buffer.concat([Buffer.alloc(248 * kib, 'x'), Buffer.alloc(8 * kib, 'y')]));
  });

  it('that stands still because the disk does is not the caller’s fault', async () => {
    const { clock, request, watched, end } = begin();
    request.push(Buffer.alloc(64 * kib));
    await clock.settle();
    for (const idle of [...watched]) idle();
    expect(end()).toEqual({ kind: 'notKept' });
  });

  it('that stands still otherwise is', async () => {
    const { clock, request, watched, end } = begin();
    request.push(Buffer.alloc(64 * kib));
    await clock.advance(callMs);
    expect(end()).toBeNull();
    for (const idle of [...watched]) idle();
    expect(end()).toEqual({ kind: 'tooSlow' });
    expect(watched).toEqual([]);
  });

  it('whose caller has gone while the disk writes is over at once', async () => {
    const { clock, request, reading, watched, end } = begin();
    request.push(Buffer.alloc(64 * kib));
    await clock.settle();
    reading.end({ kind: 'gone' });
    expect(end()).toEqual({ kind: 'gone' });
    await clock.advance(callMs);
    expect(end()).toEqual({ kind: 'gone' });
    expect(watched).toEqual([]);
  });
});
