/** Who sees the names of callers, which may be those of people, and what everybody else sees. */
import { createHmac, randomBytes } from 'node:crypto';

export type NamesShown = 'always' | 'token' | 'never';

const digestChars = 8;
const digest = new RegExp(`^(?:user:|from )#[\\da-f]{${digestChars}}$`);

/** Whether it is what stands for a name (`Names.of`). */
export const isDigest = (caller: string): boolean => digest.test(caller);

export class Names {
  readonly #shown: NamesShown;
  readonly #key: string | Buffer;

  /** @param token the operator's: with it digests are the same in all replicas, and cannot be guessed without it */
  constructor(shown: NamesShown, token: string | null) {
    this.#shown = shown;
    this.#key = token ?? randomBytes(32);
  }

  /** How a caller is called to somebody who looks. @param isOperator whether it has shown the token */
  of(caller: string, isOperator: boolean): string {
    if (this.#shown === 'always' || (this.#shown === 'token' && isOperator)) return caller;
    const kind = /^(user:|from )/.exec(caller)?.[0];
    if (kind === undefined) return caller;
    return `${kind}#${createHmac('sha256', this.#key).update(caller).digest('hex').slice(0, digestChars)}`;
  }
}
