/**
 * An answer between the Coreapp and a caller that takes it more slowly than it comes: memory first, then a file, so
 * that the Coreapp is done with it when its last byte has come, not when the caller has taken it.
 *
 *     Coreapp ▶ [ tail ▶ file ▶ ] head ▶ caller
 *
 * Bytes keep their order: what comes goes behind what waits. As soon as nothing waits any more, bytes go straight to
 * the caller again, and the file is closed. Without room, or if the disk takes no more, the Coreapp is read no faster
 * than the caller takes. If the disk does not give bytes back, the answer is cut off.
 */
import { relayEnd } from '../exchange/answer.ts';
import type { BodyFile } from '../exchange/bodies.ts';
import type { Counters } from '../exchange/exchange.ts';
import type { CutCause } from '../exchange/outcome.ts';
import type { Downstream } from '../exchange/ports.ts';
import type { Fields } from '../http/fields.ts';
import type { AnswerBudget } from './answers.ts';

/**
 * How much is read from a file at once: the larger where there is plenty of room. An answer of 10 MB cost 12.5 ms of CPU
 * in small pieces, 10 in large ones: each read is a thread's work.
 */
const smallPieceBytes = 65_536;
const largePieceBytes = 262_144;
/** How much more than in memory alone may wait for the disk: it takes larger pieces for little more than small ones. */
const aheadOfDisk = 4;
/** What the objects around a chunk take: of many small ones that is the most. */
const chunkBytes = 200;

interface SpoolEnds {
  /** There is room again, after an `add` that said no. */
  readonly resume: () => void;
  /** Told once: the caller has all of the answer, or it was cut off. */
  readonly ended: (cut: CutCause | null) => void;
  /** Something here threw, which is a bug. */
  readonly threw: (error: unknown) => void;
}

export class Spool {
  readonly #downstream: Downstream;
  readonly #caller: string;
  readonly #counters: Counters;
  readonly #budget: AnswerBudget;
  readonly #ends: SpoolEnds;
  /** The caller takes no more at present. */
  #blocked = true;
  /** In memory, the next to be taken. */
  #head: Buffer[] = [];
  /** In memory, behind what is in the file. */
  #tail: Buffer[] = [];
  /** What is taken of the budget for memory. */
  #bytes = 0;
  #file: BodyFile | null = null;
  /** What is taken of the disk for it. */
  #fileTaken = 0;
  /** How much of it is known to be whole, and how much of that was read. */
  #fileEnd = 0;
  #fileRead = 0;
  /** Nothing is written any more: the disk has failed, or it is full. */
  #diskFailed = false;
  #writing = false;
  #reading = false;
  #counted = false;
  #pausedCoreapp = false;
  /** How the answer ends behind what waits: its trailers, or why it breaks off. Null: more may come. */
  #end: { readonly trailers: Fields } | { readonly cut: CutCause } | null = null;
  #over = false;

  /** For a caller that has just said that it takes no more. */
  constructor(downstream: Downstream, caller: string, counters: Counters, budget: AnswerBudget, ends: SpoolEnds) {
    this.#downstream = downstream;
    this.#caller = caller;
    this.#counters = counters;
    this.#budget = budget;
    this.#ends = ends;
    this.#awaitDrain();
  }

  /** Whether the Coreapp may go on; if not, `resume` is called when it may. */
  get mayGoOn(): boolean {
    const goesOn = this.#hasRoom();
    this.#pausedCoreapp = !goesOn;
    return goesOn;
  }

  /** The next part of the answer. False: no more until `resume`. */
  add(chunk: Buffer): boolean {
    if (this.#over) return true;
    if (this.#blocked || !this.#isEmpty) this.#keep(chunk);
    else this.#hand(chunk);
    return this.mayGoOn;
  }

  /** All of the answer has come. */
  end(trailers: Fields): void {
    this.#end = { trailers };
    this.#pump();
  }

  /** No more of it comes: what has come is the caller's, then the connection breaks. */
  breakOff(cut: CutCause): void {
    this.#end = { cut };
    this.#pump();
  }

  /** The caller is gone. */
  abandon(): void {
    if (this.#over) return;
    this.#over = true;
    this.#giveMemory(this.#bytes);
    this.#head = [];
    this.#tail = [];
    this.#closeFile();
    this.#uncount();
  }

  get #isEmpty(): boolean {
    return this.#head.length === 0 && this.#file === null;
  }

  #hasRoom(): boolean {
    if (this.#bytes === 0) return !this.#blocked || this.#budget.memory.fits(this.#caller, 1);
    const ahead = this.#file === null ? 1 : aheadOfDisk;
    return this.#bytes <= ahead * this.#budget.memoryMaxBytes && this.#budget.memory.fits(this.#caller, 1);
  }

  #keep(chunk: Buffer): void {
    if (!this.#counted) this.#budget.waits(1);
    this.#counted = true;
    this.#takeMemory(chunk.length + chunkBytes);
    if (this.#file === null) {
      this.#head.push(chunk);
      if (!this.#hasRoom()) this.#toFile();
    } else {
      this.#tail.push(chunk);
      this.#writeOn();
    }
  }

  /** From now on what waits is in a file, the head apart: it is the next to be taken. */
  #toFile(): void {
    if (this.#diskFailed || this.#end !== null) return;
    this.#file = this.#budget.openFile(this.#caller);
    if (this.#file === null) return;
    this.#tail = this.#head.splice(1);
    this.#writeOn();
  }

  #writeOn(): void {
    this.#write().catch(this.#ends.threw);
  }

  async #write(): Promise<void> {
    const file = this.#file;
    if (file === null || this.#writing || this.#diskFailed || this.#tail.length === 0) return;
    const batch = this.#tail;
    const bytes = Buffer.concat(batch);
    const chunks = batch.length;
    if (!this.#budget.tryTakeDisk(this.#caller, bytes.length)) return;
    this.#fileTaken += bytes.length;
    this.#writing = true;
    const written = await file.append(bytes);
    if (this.#over || this.#file !== file) return;
    this.#writing = false;
    if (written) {
      this.#fileEnd += bytes.length;
      batch.splice(0, chunks);
      this.#giveMemory(bytes.length + chunks * chunkBytes);
    } else {
      this.#diskFailed = true;
    }
    this.#pump();
    this.#writeOn();
  }

  /** Hands over what waits, as long as the caller takes it. */
  #pump(): void {
    while (!this.#blocked && !this.#over) {
      const chunk = this.#head.shift();
      if (chunk !== undefined) {
        this.#giveMemory(chunk.length + chunkBytes);
        this.#hand(chunk);
      } else if (this.#file !== null && this.#fileRead < this.#fileEnd) {
        this.#read(this.#file).catch(this.#ends.threw);
        break;
      } else if (this.#file !== null) {
        this.#head = this.#tail;
        this.#tail = [];
        this.#closeFile();
      } else {
        break;
      }
    }
    if (this.#over) return;
    if (this.#isEmpty) this.#emptied();
    if (this.#pausedCoreapp && this.#end === null && this.mayGoOn) this.#ends.resume();
  }

  async #read(file: BodyFile): Promise<void> {
    if (this.#reading) return;
    this.#reading = true;
    const most = this.#budget.memory.fits(this.#caller, largePieceBytes) ? largePieceBytes : smallPieceBytes;
    const piece = Buffer.allocUnsafeSlow(Math.min(most, this.#fileEnd - this.#fileRead));
    this.#takeMemory(piece.length);
    const bytes = await file.read(piece, this.#fileRead).catch(() => 0);
    if (this.#over) return;
    this.#reading = false;
    this.#giveMemory(piece.length);
    if (bytes === 0) return this.#cut('diskFailed');
    this.#fileRead += bytes;
    this.#hand(piece.subarray(0, bytes));
    this.#pump();
  }

  #hand(chunk: Buffer): void {
    this.#counters.bytesOut += chunk.length;
    if (!this.#downstream.data(chunk)) this.#awaitDrain();
  }

  #awaitDrain(): void {
    this.#blocked = true;
    this.#downstream.onDrain(() => {
      this.#blocked = false;
      try {
        this.#pump();
      } catch (error) {
        this.#ends.threw(error);
      }
    });
  }

  /** Nothing waits any more but what the caller's own buffer holds. */
  #emptied(): void {
    this.#uncount();
    if (this.#end === null) return;
    if ('trailers' in this.#end) this.#finish(this.#end.trailers);
    else if (!this.#blocked) this.#cut(this.#end.cut);
  }

  #uncount(): void {
    if (this.#counted) this.#budget.waits(-1);
    this.#counted = false;
  }

  #finish(trailers: Fields): void {
    this.#over = true;
    if (relayEnd(this.#downstream, trailers)) this.#ends.ended(null);
    else this.#downstream.onDrain(() => this.#ends.ended(null));
  }

  #cut(cause: CutCause): void {
    this.abandon();
    this.#ends.ended(cause);
    this.#downstream.cut();
  }

  #takeMemory(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.memory.take(this.#caller, bytes);
  }

  #giveMemory(bytes: number): void {
    this.#bytes -= bytes;
    this.#budget.memory.give(this.#caller, bytes);
  }

  #closeFile(): void {
    if (this.#file !== null) this.#budget.closeFile(this.#caller, this.#file, this.#fileTaken);
    this.#file = null;
    this.#fileTaken = 0;
    this.#fileEnd = 0;
    this.#fileRead = 0;
    this.#writing = false;
  }
}
