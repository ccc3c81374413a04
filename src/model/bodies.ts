/**
 * The memory that request bodies may take, counted before it is taken: bodies being read, waiting and in flight alike.
 * One account for each endpoint class, one holding for each request.
 */

/** What the memory for a body is taken from. */
export interface BodyRoom {
  /** False: there is not so much left. */
  tryTake(bytes: number): boolean;
}

/** What reading a body came to. */
export type BodyRead =
  | { readonly kind: 'body'; readonly body: Buffer | null }
  | { readonly kind: 'tooLarge' }
  | { readonly kind: 'noRoom' }
  | { readonly kind: 'tooSlow' }
  | { readonly kind: 'gone' };

export class ByteAccount implements BodyRoom {
  readonly #maxBytes: number;
  #held = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes that are taken and not given back. */
  get held(): number {
    return this.#held;
  }

  /** False: there is not so much left, nothing was taken. */
  tryTake(bytes: number): boolean {
    if (this.#held + bytes > this.#maxBytes) return false;
    this.#held += bytes;
    return true;
  }

  give(bytes: number): void {
    if (bytes > this.#held) throw new Error('Bytes were given back that nobody had.');
    this.#held -= bytes;
  }
}

/** What one request has taken. */
export class Holding implements BodyRoom {
  readonly #account: ByteAccount;
  #bytes = 0;

  constructor(account: ByteAccount) {
    this.#account = account;
  }

  /** Takes more. False: there is not so much left, nothing more was taken. */
  tryTake(bytes: number): boolean {
    if (!this.#account.tryTake(bytes)) return false;
    this.#bytes += bytes;
    return true;
  }

  /** Gives all of it back. Doing so twice does nothing. */
  release(): void {
    this.#account.give(this.#bytes);
    this.#bytes = 0;
  }
}
