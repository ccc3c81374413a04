/**
 * What request bodies may take of a replica, counted before it is taken: bodies being read, waiting and in flight alike.
 * One account for each endpoint class, with a share for each caller; one for the disk, which the classes have in common
 * (`disk.ts`); one holding for each request.
 */
import type { BodyFile, BodyRoom } from './bodies.ts';
import type { DiskRoom } from './disk.ts';
import { nameOf, type Principal } from './principal.ts';

/** Where room was missing. */
export type Lack = 'class' | 'caller' | 'disk' | 'callerFiles';

/** What one caller has taken of a class. */
interface CallerBytes {
  bytes: number;
}

/** How many callers are kept in mind that have nothing, so that the table need not change with each request. */
const idleCallersMax = 1_000;

/** What the bodies of a class take, in memory and on disk together. */
export class BodyAccount {
  readonly maxBytes: number;
  /** Most that one caller may have. */
  readonly callerMaxBytes: number;
  readonly #callers = new Map<string, CallerBytes>();
  #sweepAt = idleCallersMax;
  #held = 0;
  #onDisk = 0;

  constructor(maxBytes: number, callerMaxBytes: number) {
    this.maxBytes = maxBytes;
    this.callerMaxBytes = callerMaxBytes;
  }

  /** Bytes that are taken and not given back. */
  get held(): number {
    return this.#held;
  }

  /** Those of them that are not in memory. */
  get onDisk(): number {
    return this.#onDisk;
  }

  /** How many callers there is something known of. */
  get callers(): number {
    return this.#callers.size;
  }

  /** What this caller has. One with nothing may be forgotten: ask anew before it takes its first byte. */
  callerOf(name: string): CallerBytes {
    let caller = this.#callers.get(name);
    if (caller === undefined) {
      if (this.#callers.size >= this.#sweepAt) this.#forgetIdle();
      caller = { bytes: 0 };
      this.#callers.set(name, caller);
    }
    return caller;
  }

  /** Null: taken. Else what there is too little of, and nothing was taken. */
  take(caller: CallerBytes, bytes: number): Lack | null {
    if (this.#held + bytes > this.maxBytes) return 'class';
    if (caller.bytes + bytes > this.callerMaxBytes) return 'caller';
    this.#held += bytes;
    caller.bytes += bytes;
    return null;
  }

  give(caller: CallerBytes, bytes: number): void {
    if (bytes > caller.bytes) throw new Error('Bytes were given back that nobody had.');
    this.#held -= bytes;
    caller.bytes -= bytes;
  }

  /** Says of bytes that are held that they are on disk; negative: no longer. */
  moveToDisk(bytes: number): void {
    this.#onDisk += bytes;
  }

  #forgetIdle(): void {
    for (const [name, { bytes }] of this.#callers) if (bytes === 0) this.#callers.delete(name);
    this.#sweepAt = idleCallersMax + this.#callers.size;
  }
}

/** What one request has taken. */
export class Holding implements BodyRoom {
  readonly #account: BodyAccount;
  readonly #disk: DiskRoom;
  readonly #principal: Principal;
  #caller: CallerBytes | null = null;
  #bytes = 0;
  #file: BodyFile | null = null;
  #lack: Lack = 'class';

  constructor(account: BodyAccount, principal: Principal, disk: DiskRoom) {
    this.#account = account;
    this.#principal = principal;
    this.#disk = disk;
  }

  get memoryMaxBytes(): number {
    return this.#disk.memoryMaxBytes;
  }

  /** What was missing when something could not be had last. */
  get lack(): Lack {
    return this.#lack;
  }

  tryTake(bytes: number): boolean {
    const caller = this.#callerNow();
    const lack = this.#account.take(caller, bytes);
    if (lack !== null) return this.#lacks(lack);
    if (this.#file !== null) {
      if (!this.#disk.tryTake(bytes)) {
        this.#account.give(caller, bytes);
        return this.#lacks('disk');
      }
      this.#account.moveToDisk(bytes);
    }
    this.#bytes += bytes;
    return true;
  }

  openFile(): BodyFile | null {
    const file = this.#disk.tryOpen(nameOf(this.#principal), this.#bytes);
    if (typeof file === 'string') {
      this.#lacks(file);
      return null;
    }
    this.#account.moveToDisk(this.#bytes);
    this.#file = file;
    return file;
  }

  /** Gives all of it back and lets go of the file. Doing so twice does nothing. */
  release(): void {
    const file = this.#file;
    const bytes = this.#bytes;
    this.#file = null;
    this.#bytes = 0;
    if (this.#caller !== null) this.#account.give(this.#caller, bytes);
    if (file === null) return;
    this.#account.moveToDisk(-bytes);
    this.#disk.close(nameOf(this.#principal), file, bytes);
  }

  #callerNow(): CallerBytes {
    if (this.#caller === null || this.#bytes === 0) this.#caller = this.#account.callerOf(nameOf(this.#principal));
    return this.#caller;
  }

  #lacks(what: Lack): false {
    this.#lack = what;
    return false;
  }
}
