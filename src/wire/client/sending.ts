/**
 * A body that does not leave with its head in one write: from a file, or large. The next piece is taken once the system
 * has the last one. It never ends early: what announced its length and lacks a part breaks its connection.
 */
import type { Socket } from 'node:net';
import { type BodyFile, bytesOf } from '../../exchange/bodies.ts';
import { textOf } from './open-socket.ts';

/** With 64 KiB a body of 10 MB cost 8 ms of CPU, with this 5: there are fewer reads of the disk, each a thread's work. */
const pieceBytes = 262_144;

export interface SendingEnds {
  /** Asked before the first byte is written. False: nothing is. */
  mayWrite(): boolean;
  /** The system has another piece. */
  moved(): void;
  /** The disk did not give the body back. */
  bodyLost(detail: string): void;
}

export class Sending {
  readonly #socket: Socket;
  readonly #head: string;
  readonly #body: Buffer | BodyFile;
  readonly #bytes: number;
  readonly #ends: SendingEnds;
  #piece: Buffer | null = null;
  /** How much was written. */
  #position = 0;
  #stopped = false;
  /** The system has all of it. */
  isComplete = false;

  constructor(socket: Socket, head: string, body: Buffer | BodyFile, ends: SendingEnds) {
    this.#socket = socket;
    this.#head = head;
    this.#body = body;
    this.#bytes = bytesOf(body);
    this.#ends = ends;
  }

  start(): void {
    if (Buffer.isBuffer(this.#body)) this.#write(this.#body.subarray(this.#position, this.#position + pieceBytes));
    else void this.#read(this.#body);
  }

  /** Nothing more is written. */
  stop(): void {
    this.#stopped = true;
  }

  async #read(file: BodyFile): Promise<void> {
    this.#piece ??= Buffer.allocUnsafeSlow(Math.min(pieceBytes, this.#bytes));
    const left = this.#bytes - this.#position;
    const piece = left < this.#piece.length ? this.#piece.subarray(0, left) : this.#piece;
    let bytes: number;
    try {
      bytes = await file.read(piece, this.#position);
    } catch (error) {
      if (!this.#stopped) this.#ends.bodyLost(`the body could not be read from the disk: ${textOf(error as Error)}`);
      return;
    }
    if (this.#stopped) return;
    if (bytes > 0) this.#write(piece.subarray(0, bytes));
    else this.#ends.bodyLost(`the body could not be read from the disk: ${left} bytes are missing`);
  }

  #write(piece: Buffer): void {
    const isFirst = this.#position === 0;
    if (isFirst) {
      if (!this.#ends.mayWrite()) return;
      this.#socket.cork();
      this.#socket.write(this.#head, 'latin1');
    }
    this.#position += piece.length;
    this.#socket.write(piece, this.#written);
    if (isFirst) this.#socket.uncork();
  }

  readonly #written = (error?: Error | null): void => {
    // A connection that breaks tells of it itself.
    if (error || this.#stopped) return;
    this.isComplete = this.#position === this.#bytes;
    this.#ends.moved();
    if (!this.isComplete) this.start();
  };
}
