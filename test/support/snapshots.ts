import type { Snapshot } from '../../src/observe/snapshot.ts';

/** A replica in the middle of its work: each figure is another one, so that no test can mistake one for the other. */
export const busy: Snapshot = {
  lines: [
    {
      class: 'messages',
      requests: 3,
      callers: 2,
      requestsMax: 1_651,
      bytes: 450,
      bytesMax: 67_108_864,
      bytesOnDisk: 320,
      oldestMs: 1_500,
    },
    {
      class: 'contacts',
      requests: 0,
      callers: 0,
      requestsMax: 661,
      bytes: 0,
      bytesMax: 67_108_863,
      bytesOnDisk: 0,
      oldestMs: 0,
    },
  ],
  buckets: [
    {
      class: 'messages',
      rate: 50,
      burst: 150,
      live: 1,
      level: 31,
      slotsHeld: 5,
      pausedMs: 1_500,
      bulkPausedMs: 60_000,
    },
    { class: 'contacts', rate: 20, burst: 60, live: 9, level: 60, slotsHeld: 0, pausedMs: 0, bulkPausedMs: 0 },
  ],
  lanes: [{ class: 'messages', limit: 'also 1', live: 41, parked: 17, paused: 6 }],
  permits: [{ class: 'messages', inUse: 2, limit: 64, probing: true, pausedMs: 250 }],
  answers: {
    waiting: 12,
    memoryBytes: 1_234,
    memoryBytesMax: 2_345,
    files: 4,
    filesMax: 251,
    diskBytes: 3_456,
    diskBytesMax: 4_567,
  },
  disk: { files: 1, filesMax: 1_000, bytes: 330, bytesMax: 4_096 },
  store: { kind: 'redis', up: true, fallback: false, persistence: 'aof', lacks: [] },
  log: { leftOut: { sample: 11, slowReader: 13, notWritten: 17 } },
  connections: 7,
  ready: true,
  config: {
    hash: '0123456789ab',
    loadedAt: '2026-01-01T00:00:07.500Z',
    restartNeeded: ['listen.port', 'redis.keyPrefix'],
    refused: { at: '2026-01-01T00:01:00.000Z', problems: ['weir.yaml:1:1: no'] },
  },
  stopping: false,
};
