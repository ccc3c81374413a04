/** Who asks the ops port: an operator who shows the token, somebody who only looks, or somebody who guesses. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { networkOf } from '../http/network.ts';
import { Names, type NamesShown } from './names.ts';
import { type OpsPage, problem } from './page.ts';

/** Counts wrong tokens by network. */
interface Guesses {
  /** How long until another one is judged, milliseconds; 0: now. */
  waitMs(network: string, now: number): number;
  add(network: string, now: number): void;
}

export interface OperatorSettings {
  /** Null: nobody is an operator. */
  readonly token: string | null;
  readonly names: NamesShown;
}

interface OperatorDeps {
  readonly guesses: Guesses;
  readonly now: () => number;
  /** A wrong token was shown. @param address whence */
  readonly wrong: (address: string) => void;
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();

export class Operator {
  readonly #deps: OperatorDeps;
  #digest: Buffer | null = null;
  names: Names;

  constructor(settings: OperatorSettings, deps: OperatorDeps) {
    this.#deps = deps;
    this.names = this.configure(settings);
  }

  configure({ token, names }: OperatorSettings): Names {
    this.#digest = token === null ? null : digest(token);
    this.names = new Names(names, token);
    return this.names;
  }

  /** Whether anybody may steer. */
  get isThere(): boolean {
    return this.#digest !== null;
  }

  /**
   * @param authorization the field, where there is one
   * @returns whether it is the operator's; or the answer to a wrong token
   */
  identify(authorization: string | undefined, address: string): boolean | OpsPage {
    if (authorization === undefined) return false;
    const network = networkOf(address);
    const now = this.#deps.now();
    const waitMs = this.#deps.guesses.waitMs(network, now);
    if (waitMs > 0) {
      const seconds = Math.ceil(waitMs / 1_000);
      const detail = `Wrong tokens came from this address. Try again in ${seconds} s.`;
      return problem(429, 'Too many wrong tokens', detail, { 'retry-after': String(seconds) });
    }
    const [, token = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
    if (this.#digest !== null && timingSafeEqual(digest(token), this.#digest)) return true;
    this.#deps.guesses.add(network, now);
    this.#deps.wrong(address);
    return wrongToken;
  }
}

export const wrongToken = problem(
  401,
  'Not the operator’s token',
  'Send Authorization: Bearer with the token of ops.tokenFile, or no Authorization to look only.',
  { 'www-authenticate': 'Bearer realm="weir ops"' },
);
