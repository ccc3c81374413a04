/** Answers that are taken slowly, in every order of events: what comes, what is taken, a disk that is slow, full or broken. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AnswerBudget } from '../../src/bodies/answers.ts';
import { DiskBudget } from '../../src/bodies/disk.ts';
import { Spool } from '../../src/bodies/spool.ts';
import type { CutCause } from '../../src/exchange/outcome.ts';
import { ScriptedDisk } from '../support/scripted-disk.ts';
import { SlowDownstream } from '../support/slow-downstream.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const memoryMaxBytes = 1_000;
const answersMemoryMaxBytes = 4_000;
const diskMaxBytes = 20_000;
const filesMax = 4;
const chunkMaxBytes = 700;
/** What is counted for a chunk besides its bytes. */
const overheadBytes = 200;

const scene = fc.record({
  answers: fc.array(
    fc.record({
      caller: fc.constantFrom('a', 'b'),
      chunks: fc.array(fc.integer({ min: 1, max: chunkMaxBytes }), { maxLength: 40 }),
      /** How often each takes what it has, milliseconds; how often the Coreapp brings something. */
      takesEveryMs: fc.integer({ min: 1, max: 60 }),
      comesEveryMs: fc.integer({ min: 0, max: 20 }),
      bufferBytes: fc.constantFrom(1, 500, 1_500),
      end: fc.constantFrom<('whole' | 'broken')[]>('whole', 'broken'),
      hangsUpAfterMs: fc.option(fc.integer({ min: 0, max: 400 }), { freq: 4 }),
    }),
    { minLength: 1, maxLength: 5 },
  ),
  callMs: fc.integer({ min: 0, max: 40 }),
  fullAfterBytes: fc.array(fc.option(fc.integer({ min: 0, max: 3_000 })), { maxLength: 4 }),
  diskShare: fc.constantFrom(0, 0.5, 1),
});

test('each caller gets the bytes in their order, whole or cut off, within the bounds, and nothing is left over', async () => {
  await fc.assert(
    fc.asyncProperty(scene, async ({ answers, callMs, fullAfterBytes, diskShare }) => {
      const clock = new VirtualClock();
      const drive = new ScriptedDisk(clock, { callMs, fullAfterBytes });
      const disk = new DiskBudget({ memoryMaxBytes, diskMaxBytes, filesMax, callerFilesMax: filesMax }, drive.create);
      const bounds = {
        memoryMaxBytes,
        answersMemoryMaxBytes,
        answersDiskShareMax: diskShare,
        answersCallerShareMax: 0.5,
      };
      const budget = new AnswerBudget(bounds, disk);
      const ends: (CutCause | 'gone' | 'whole')[] = [];
      const plays = answers.map((answer, index) => {
        const downstream = new SlowDownstream(answer.bufferBytes);
        const counters = { bytesOut: 0 };
        let byte = index;
        const chunks = answer.chunks.map((bytes) => Buffer.from(Array.from({ length: bytes }, () => byte++ % 251)));
        const sent = Buffer.concat(chunks);
        const next = { at: 0, over: false };
        const end = (how: CutCause | 'gone' | 'whole'): void => {
          expect(next.over).toBe(false);
          next.over = true;
          ends.push(how);
        };
        // One that has been handed a byte and takes no more: where a spool begins.
        downstream.data(Buffer.alloc(answer.bufferBytes, 'x'));
        const bring = (): void => {
          if (next.over) return;
          const chunk = chunks[next.at++];
          if (chunk === undefined) {
            if (answer.end === 'whole') spool.end(['x-end', 'yes']);
            else spool.breakOff('coreappBroke');
          } else if (spool.add(chunk)) {
            later();
          }
        };
        const later = (): void => void clock.after(answer.comesEveryMs, bring);
        // biome-ignore lint/suspicious/noExplicitAny: of an exchange's counters this is all that is used.
        const spool = new Spool(downstream, answer.caller, counters as any, budget, {
          resume: later,
          ended: (cut) => end(cut ?? 'whole'),
          threw: (error) => downstream.broken.push(String(error)),
        });
        if (spool.mayGoOn) later();
        const take = (): void => {
          downstream.take();
          if (!next.over && !downstream.gone) clock.after(answer.takesEveryMs, take);
        };
        clock.after(answer.takesEveryMs, take);
        if (answer.hangsUpAfterMs !== null) {
          clock.after(answer.hangsUpAfterMs, () => {
            if (next.over) return;
            downstream.hangUp();
            spool.abandon();
            end('gone');
          });
        }
        return { downstream, counters, sent, answer, next };
      });
      const overshoot = answers.length * (chunkMaxBytes + overheadBytes + memoryMaxBytes);
      for (let ms = 0; ms < 6_000; ms += 10) {
        await clock.advance(10);
        const { memoryBytes, diskBytes, diskBytesMax, files } = budget.snapshot();
        expect(memoryBytes).toBeLessThanOrEqual(answersMemoryMaxBytes + overshoot);
        expect(diskBytes).toBeLessThanOrEqual(diskBytesMax);
        expect(files).toBeLessThanOrEqual(diskShare * filesMax);
        if (plays.every(({ next }) => next.over) && drive.open.size === 0) break;
      }
      expect(ends).toHaveLength(answers.length);
      for (const { downstream, counters, sent, answer } of plays) {
        expect(downstream.broken).toEqual([]);
        const got = downstream.received.subarray(answer.bufferBytes);
        expect(got.equals(sent.subarray(0, got.length))).toBe(true);
        expect(counters.bytesOut).toBe(got.length);
        if (downstream.ended === 'whole') {
          expect(got.length).toBe(sent.length);
          expect(downstream.trailers).toEqual(['x-end', 'yes']);
        }
        // What has come of an answer that broke off is the caller's.
        if (downstream.ended === 'cut' && answer.hangsUpAfterMs === null) expect(got.length).toBe(sent.length);
        if (answer.hangsUpAfterMs === null) expect(downstream.ended).toBe(answer.end === 'whole' ? 'whole' : 'cut');
      }
      expect(budget.snapshot()).toMatchObject({ waiting: 0, memoryBytes: 0, files: 0, diskBytes: 0 });
      expect(disk.snapshot()).toMatchObject({ files: 0, bytes: 0 });
      expect(drive.open.size).toBe(0);
    }),
    { numRuns: 300 },
  );
});
