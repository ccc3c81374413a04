/**
 * What one request's body has taken of a replica, counted before it is taken: while it is read, waits and is in flight.
 * What there is to take is in a budget for each endpoint class (`body-budget.ts`) and in one for the disk, which the
 * classes have in common (`disk.ts`).
 */
import type { Allocation, BodyFile } from '../exchange/bodies.ts';
import { type Principal, sharerOf } from '../exchange/principal.ts';
import type { BodyBudget, Shortage } from './body-budget.ts';
import type { CallerBytes, ComingBody } from './coming-bodies.ts';
import type { DiskBudget } from './disk.ts';

/** The bound that left no room. `slow`: there was room, and the body gave way to a quicker one. */
type Lack = Shortage | 'disk' | 'callerDisk' | 'slow';

export class BodyAllocation implements Allocation, ComingBody {
  place = -1;
  readonly #budget: BodyBudget;
  readonly #disk: DiskBudget;
  readonly #principal: Principal;
  #caller: CallerBytes | null = null;
  #bytes = 0;
  #file: BodyFile | null = null;
  #lack: Lack = 'class';
  #since: number | null = null;
  #giveUp: (() => void) | null = null;

  constructor(budget: BodyBudget, principal: Principal, disk: DiskBudget) {
    this.#budget = budget;
    this.#principal = principal;
    this.#disk = disk;
  }

  get memoryMaxBytes(): number {
    return this.#disk.memoryMaxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get caller(): CallerBytes | null {
    return this.#caller;
  }

  get since(): number | null {
    return this.#since;
  }

  /** What was missing when something could not be had last. */
  get lack(): Lack {
    return this.#lack;
  }

  mayCome(bytes: number): boolean {
    const short = this.#budget.shortOf(this.#callerNow(), bytes, this.#bytes);
    if (short !== null && this.#slowerThan(short, bytes).length === 0) return this.#lacks(short);
    if (bytes <= this.memoryMaxBytes) return true;
    const lack = this.#disk.lackOf(sharerOf(this.#principal), bytes);
    return lack === null || this.#lacks(lack);
  }

  tryTake(bytes: number): boolean {
    const caller = this.#callerNow();
    if (this.#file !== null) {
      const lack = this.#disk.take(sharerOf(this.#principal), bytes);
      if (lack !== null) return this.#lacks(lack);
    }
    for (let short = this.#budget.take(caller, bytes, this.#bytes); short !== null; ) {
      if (!this.#othersGiveWay(short, bytes)) {
        if (this.#file !== null) this.#disk.give(sharerOf(this.#principal), bytes);
        return this.#lacks(short);
      }
      short = this.#budget.take(caller, bytes, this.#bytes);
    }
    if (this.#file !== null) this.#budget.moveToDisk(bytes);
    this.#bytes += bytes;
    return true;
  }

  openFile(): BodyFile | null {
    const file = this.#disk.tryOpen(sharerOf(this.#principal), this.#bytes);
    if (typeof file === 'string') {
      this.#lacks(file);
      return null;
    }
    this.#budget.moveToDisk(this.#bytes);
    this.#file = file;
    return file;
  }

  coming(giveUp: () => void): void {
    this.#giveUp = giveUp;
    this.#since = this.#budget.coming.add(this);
  }

  arrived(): void {
    if (this.#giveUp === null) return;
    this.#giveUp = null;
    this.#budget.coming.remove(this);
  }

  giveWay(): void {
    const giveUp = this.#giveUp;
    this.#lack = 'slow';
    this.release();
    giveUp?.();
  }

  /** Gives all of it back and lets go of the file. Doing so twice does nothing. */
  release(): void {
    this.arrived();
    const file = this.#file;
    const bytes = this.#bytes;
    this.#file = null;
    this.#bytes = 0;
    if (this.#caller !== null) this.#budget.give(this.#caller, bytes);
    if (file === null) return;
    this.#budget.moveToDisk(-bytes);
    this.#disk.close(sharerOf(this.#principal), file, bytes);
  }

  /**
   * The bodies that give way to so many more bytes of this one: slower ones of the same caller, and of callers that
   * have more of the class than this one would have. So no caller is displaced by one that takes more.
   */
  #slowerThan(short: Shortage, bytes: number): ComingBody[] {
    const own = this.#callerNow();
    const ownBytes = own.bytes + bytes;
    const missing = this.#budget.missing(short, own, bytes);
    return this.#budget.coming.slowest(
      this,
      missing,
      ({ caller }) => caller === own || (short !== 'caller' && caller !== null && caller.bytes > ownBytes),
    );
  }

  #othersGiveWay(short: Shortage, bytes: number): boolean {
    const slower = this.#slowerThan(short, bytes);
    for (const body of slower) body.giveWay();
    return slower.length > 0;
  }

  #callerNow(): CallerBytes {
    if (this.#caller === null || this.#bytes === 0) this.#caller = this.#budget.callerOf(sharerOf(this.#principal));
    return this.#caller;
  }

  #lacks(what: Lack): false {
    this.#lack = what;
    return false;
  }
}
