/**
 * What the bodies of one endpoint class take, in memory and on disk together, and what one caller may have of it. Bytes
 * count as they come: an announcement takes nothing, or a caller that announces much and sends little would shut the
 * others out.
 */
import { Callers } from '../shares/callers.ts';
import { partOf } from '../shares/part.ts';
import { type CallerBytes, ComingBodies } from './coming-bodies.ts';

interface BodyBudgetBounds {
  /** What all bodies together may take. */
  readonly lineMaxBytes: number;
  /** What one caller may have while it is alone; beside others it is the same part of what those leave. */
  readonly callerMaxBytes: number;
  /** The largest body. A caller may always have as much as one of them, where there is room at all. */
  readonly bodyMaxBytes: number;
}

/** What a budget has too little of. `reserve`: what is left is for small bodies. */
export type Shortage = 'class' | 'reserve' | 'caller';

/** Up to this size a body is small: the last of the budget is for small ones. */
const smallMaxBytes = 16_384;
/**
 * Which part of a class's bytes, the last that is free, is for small bodies only; less if the largest body would not
 * fit beside it.
 */
const reservedPart = 1 / 16;

export class BodyBudget {
  /** Those that are still coming, which may have to give way. */
  readonly coming: ComingBodies;
  #maxBytes = 0;
  /** Up to how much may be taken once a body that is not small has taken its bytes. */
  #largeMaxBytes = 0;
  /** What one caller may have of what others leave, up to 1. */
  #callerShare = 0;
  #bodyMaxBytes = 0;
  readonly #callers = new Callers<CallerBytes>(
    () => ({ bytes: 0 }),
    ({ bytes }) => bytes === 0,
  );
  #inUse = 0;
  #onDisk = 0;

  /** @param now milliseconds since some moment */
  constructor(bounds: BodyBudgetBounds, now: () => number) {
    this.coming = new ComingBodies(now);
    this.configure(bounds);
  }

  /** Other bounds, from the next bytes on. Nobody has to give back what is more. */
  configure({ lineMaxBytes, callerMaxBytes, bodyMaxBytes }: BodyBudgetBounds): void {
    this.#maxBytes = lineMaxBytes;
    this.#largeMaxBytes = Math.max(bodyMaxBytes, lineMaxBytes * (1 - reservedPart));
    this.#callerShare = Math.min(1, callerMaxBytes / lineMaxBytes);
    this.#bodyMaxBytes = bodyMaxBytes;
  }

  /** Bytes that are taken and not given back. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Those of them that are not in memory. */
  get onDisk(): number {
    return this.#onDisk;
  }

  /** How many callers are known. */
  get callers(): number {
    return this.#callers.size;
  }

  /** What this caller has. One with nothing may be forgotten: ask anew before it takes its first byte. */
  callerOf(name: string): CallerBytes {
    return this.#callers.of(name);
  }

  /**
   * Null: taken. Else what there is too little of, and nothing was taken.
   * @param had what the same body has already
   */
  take(caller: CallerBytes, bytes: number, had: number): Shortage | null {
    const short = this.shortOf(caller, bytes, had);
    if (short !== null) return short;
    this.#inUse += bytes;
    caller.bytes += bytes;
    return null;
  }

  /** What there is too little of for that. Null: it could be taken. */
  shortOf(caller: CallerBytes, bytes: number, had: number): Shortage | null {
    if (this.#inUse + bytes > this.#maxBytes) return 'class';
    if (had + bytes > smallMaxBytes && this.#inUse + bytes > this.#largeMaxBytes) return 'reserve';
    return caller.bytes + bytes > this.callerMaxBytes(caller) ? 'caller' : null;
  }

  /** How many bytes there are too few. */
  missing(short: Shortage, caller: CallerBytes, bytes: number): number {
    switch (short) {
      case 'class':
        return this.#inUse + bytes - this.#maxBytes;
      case 'reserve':
        return this.#inUse + bytes - this.#largeMaxBytes;
      case 'caller':
        return caller.bytes + bytes - this.callerMaxBytes(caller);
    }
  }

  /** What a caller may have now. */
  callerMaxBytes(caller: CallerBytes): number {
    return Math.max(this.#bodyMaxBytes, partOf(this.#callerShare, this.#maxBytes - this.#inUse + caller.bytes));
  }

  /** Takes back all that one body had. */
  give(caller: CallerBytes, bytes: number): void {
    if (bytes > caller.bytes) throw new Error('Bytes were given back that nobody had.');
    this.#inUse -= bytes;
    caller.bytes -= bytes;
  }

  /** Says of bytes in use that they are on disk; negative: no longer. */
  moveToDisk(bytes: number): void {
    this.#onDisk += bytes;
  }
}
