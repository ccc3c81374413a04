/** What comes in answer to a request, told to its observer: heads, the body, trailers. */
import type { Fields } from '../../http/fields.ts';
import { isFinal, isInformational } from '../../http/status.ts';
import { ChunkReader } from '../codec/chunks.ts';
import { type BodyLength, chunked, type HeadLimits, type ResponseMessage, untilClose } from '../codec/message.ts';
import { ResponseReader } from '../codec/responses.ts';
import { handOut } from '../lent.ts';
import type { Call } from './call.ts';

const limits: HeadLimits = { lineMaxBytes: 8_192, fieldsMaxBytes: 65_536, fieldsMax: 1_000 };
/** How many 1xx answers an exchange may have. Each is passed on as it comes, so none is kept. */
const informationMax = 1_000;

export interface AnswerEnds {
  /** A head or a part has come, or is wanted again. */
  moved(): void;
  /** The observer wants no more for now. */
  waits(): void;
  /** It does again. */
  goesOn(): void;
  /** The final head. */
  answered(head: ResponseMessage): void;
  /** @param clean nothing came behind it */
  complete(clean: boolean, trailers: Fields): void;
  /** It is no answer, or not all of one. */
  lost(detail: string): void;
}

export class Answer {
  readonly #ends: AnswerEnds;
  readonly #heads: ResponseReader;
  #call: Call | null = null;
  #chunks: ChunkReader | null = null;
  #information = 0;
  /** What is left of the body; null: its head has not come yet. */
  #left: BodyLength | null = null;
  #paused = false;
  /** Parts that were read already when the observer wanted no more, and the trailers, if they are the last ones. */
  #kept: Buffer[] | null = null;
  #keptEnd: { readonly clean: boolean; readonly trailers: Fields } | null = null;

  constructor(ends: AnswerEnds) {
    this.#ends = ends;
    this.#heads = new ResponseReader(limits, () => this.#call?.request.method ?? '');
  }

  /** The answer to this call is what comes next. */
  expect(call: Call): void {
    this.#call = call;
  }

  get isExpected(): boolean {
    return this.#call !== null;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** Nothing more is told. */
  forget(): void {
    this.#call = null;
    this.#chunks = null;
    this.#information = 0;
    this.#left = null;
    this.#paused = false;
    this.#kept = null;
    this.#keptEnd = null;
  }

  read(bytes: Buffer): void {
    const call = this.#call as Call;
    if (this.#left === null) this.#readHeads(bytes, call);
    else this.#readBody(bytes, 0, call);
  }

  resume(): void {
    if (!this.#paused) return;
    const call = this.#call;
    this.#paused = false;
    this.#ends.moved();
    while (!this.#paused && this.#kept !== null) {
      const part = this.#kept.shift() as Buffer;
      if (this.#kept.length === 0) this.#kept = null;
      this.#give(part);
    }
    if (this.#paused || this.#call !== call) return;
    this.#ends.goesOn();
    if (this.#keptEnd !== null) this.#ends.complete(this.#keptEnd.clean, this.#keptEnd.trailers);
  }

  /** The other side has closed the connection. */
  otherSideEnded(): void {
    if (this.#left === untilClose) this.#ends.complete(false, none);
    else if (this.#left === null) this.#ends.lost('the other side closed the connection before it answered');
    else this.#ends.lost('the other side closed the connection in the middle of its answer');
  }

  #readHeads(bytes: Buffer, call: Call): void {
    let at = 0;
    while (at < bytes.length) {
      const head = this.#heads.read(bytes, at);
      if (head === null) return;
      if (head.kind === 'unreadable') {
        this.#ends.lost(`the answer can’t be read: ${head.why}`);
        return;
      }
      at = this.#heads.position;
      this.#ends.moved();
      if (isFinal(head.status)) {
        this.#answered(head, call);
        if (this.#call === call) this.#readBody(bytes, at, call);
        return;
      }
      this.#informed(head, call);
      if (this.#call !== call) return;
    }
  }

  /** Any number of these may come, whether asked for or not (RFC 9110, 15.2). */
  #informed({ status, fields }: ResponseMessage, call: Call): void {
    if (!isInformational(status)) {
      call.phase = 'answering';
      this.#ends.lost(status === 101 ? 'a 101 to a request that did not ask' : `${status} is no status of an answer`);
    } else if (++this.#information > informationMax) {
      this.#ends.lost(`more than ${informationMax} 1xx answers`);
    } else if (status !== 100) {
      // The body goes without being asked for, so a 100 says nothing.
      call.observer.onInformation(status, fields);
    }
  }

  #answered(head: ResponseMessage, call: Call): void {
    this.#left = head.bodyLength;
    if (head.bodyLength === chunked) this.#chunks = new ChunkReader(limits);
    call.phase = 'answering';
    this.#ends.answered(head);
    call.observer.onHead(head.status, head.fields);
  }

  #readBody(bytes: Buffer, from: number, call: Call): void {
    if (this.#chunks !== null) {
      this.#readChunks(this.#chunks, bytes, from, call);
      return;
    }
    const left = this.#left as number;
    const come = bytes.length - from;
    const isLast = left !== untilClose && come >= left;
    const to = isLast ? from + left : bytes.length;
    if (left !== untilClose) this.#left = left - (to - from);
    if (to > from) this.#give(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to));
    if (isLast && this.#call === call) this.#ends.complete(come === left, none);
  }

  #readChunks(chunks: ChunkReader, bytes: Buffer, from: number, call: Call): void {
    const read = chunks.read(bytes, from, this.#give);
    if (this.#call !== call || read === 'more') return;
    if (read !== 'end') this.#ends.lost(`the answer can’t be read: ${read.why}`);
    else this.#end(chunks.position === bytes.length, chunks.trailers);
  }

  readonly #give = (part: Buffer): void => {
    if (this.#call === null) return;
    handOut(part);
    if (this.#paused) {
      this.#kept ??= [];
      this.#kept.push(part);
      return;
    }
    this.#ends.moved();
    if (this.#call.observer.onData(part) || this.#call === null) return;
    this.#paused = true;
    this.#ends.waits();
  };

  #end(clean: boolean, trailers: Fields): void {
    if (this.#kept === null) this.#ends.complete(clean, trailers);
    else this.#keptEnd = { clean, trailers };
  }
}

const none: Fields = [];
