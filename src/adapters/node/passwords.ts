/**
 * argon2id (RFC 9106) as Node has it built in, off the event loop, a bounded number at a time. Whose turn it is:
 * `auth/places.ts`.
 *
 * The threads that hash are libuv's, which names and files need as well, so turns are few. Parameters stand in each
 * hash, so that they can be raised later: a hash with other ones still verifies, and asks to be made anew.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type Asker, Places, type Waiter } from '../../auth/places.ts';
import type { Passwords, PasswordsBusy, PasswordTurn } from '../../auth/ports.ts';
import { passwordForm } from '../../auth/precis.ts';
import type { Alarm, Clock } from '../../clock.ts';
import { type Argon2Hash, type Argon2Parameters, formatPhc, parsePhc } from './phc.ts';

export interface PasswordsOptions extends Argon2Parameters {
  /** How many hashes are computed at a time. */
  readonly turnsMax: number;
  /** How many wait for a turn at most. */
  readonly waitersMax: number;
  /** How long one waits for a turn at most, milliseconds. */
  readonly waitMaxMs: number;
}

/** OWASP's second recommendation (19 MiB, 2 passes, 1 lane): about 40 ms of one core. */
export const passwordsDefaults: PasswordsOptions = {
  memoryKib: 19_456,
  passes: 2,
  lanes: 1,
  turnsMax: Math.max(1, Math.min(3, availableParallelism() - 1)),
  waitersMax: 256,
  waitMaxMs: 10_000,
};

const saltBytes = 16;
const tagBytes = 32;

interface Waiting extends Waiter {
  readonly alarm: Alarm;
  readonly answer: (turn: PasswordTurn | PasswordsBusy) => void;
}

export function createPasswords(options: PasswordsOptions, clock: Clock): Passwords {
  return new Argon2Passwords(options, clock);
}

class Argon2Passwords implements Passwords {
  readonly #options: PasswordsOptions;
  readonly #clock: Clock;
  readonly #places: Places<Waiting>;
  #ownTurns = 0;
  /** What a turn took lately, milliseconds: what `Retry-After` is reckoned from. */
  #turnMs = 50;

  constructor(options: PasswordsOptions, clock: Clock) {
    const { turnsMax, waitersMax } = options;
    this.#options = options;
    this.#clock = clock;
    this.#places = new Places({ turnsMax, turnsEachMax: Math.max(1, turnsMax - 1), waitersMax });
  }

  enter(asker: Asker = this.#itself()): Promise<PasswordTurn | PasswordsBusy> {
    if (this.#places.begin(asker)) return Promise.resolve(this.#turn(asker, false));
    return new Promise((answer) => {
      const waiting: Waiting = {
        asker,
        answer,
        alarm: this.#clock.after(this.#options.waitMaxMs, () => {
          this.#places.leave(waiting);
          answer(this.#busy());
        }),
      };
      const out = this.#places.join(waiting);
      if (out === null) return;
      out.alarm.cancel();
      out.answer(this.#busy());
    });
  }

  /** Weir itself asks seldom, and never twice for one thing, so each time it counts as somebody else. */
  #itself(): Asker {
    this.#ownTurns += 1;
    return { user: `${this.#ownTurns} of Weir itself`, address: '', standing: 'known' };
  }

  #turn(asker: Asker, waited: boolean): PasswordTurn {
    const since = this.#clock.now();
    let over = false;
    return {
      kind: 'turn',
      waited,
      hash: (password) => this.#hash(password),
      verify: (password, passwordHash) => this.#verify(password, passwordHash),
      [Symbol.dispose]: () => {
        if (over) return;
        over = true;
        this.#turnMs += (this.#clock.now() - since - this.#turnMs) / 8;
        this.#end(asker);
      },
    };
  }

  /** Hands the turn over: a newcomer can't take it in between. */
  #end(asker: Asker): void {
    const next = this.#places.end(asker);
    if (next === null) return;
    next.alarm.cancel();
    next.answer(this.#turn(next.asker, true));
  }

  #busy(): PasswordsBusy {
    return { kind: 'busy', retryAfterMs: (this.#turnMs * (this.#places.waiting + 1)) / this.#options.turnsMax };
  }

  async #hash(password: string): Promise<string> {
    const salt = randomBytes(saltBytes);
    const { memoryKib, passes, lanes } = this.#options;
    const tag = await derive(passwordForm(password), { memoryKib, passes, lanes, salt, tag: Buffer.alloc(tagBytes) });
    return formatPhc({ memoryKib, passes, lanes, salt, tag });
  }

  async #verify(password: string, passwordHash: string | null): Promise<'right' | 'outdated' | 'wrong'> {
    const form = passwordForm(password);
    if (passwordHash === null) {
      await this.#hash(form);
      if (form !== password) await this.#hash(form); // As below: it has to cost the same.
      return 'wrong';
    }
    const stored = parsePhc(passwordHash);
    if (timingSafeEqual(await derive(form, stored), stored.tag)) return this.#isOutdated(stored) ? 'outdated' : 'right';
    // An older Weir hashed passwords as they were sent.
    if (form === password || !timingSafeEqual(await derive(password, stored), stored.tag)) return 'wrong';
    return 'outdated';
  }

  #isOutdated(stored: Argon2Hash): boolean {
    const { memoryKib, passes, lanes } = this.#options;
    return stored.memoryKib !== memoryKib || stored.passes !== passes || stored.lanes !== lanes;
  }
}

/** The tag of a password under a hash's parameters and salt; as long as that hash's own tag. */
function derive(password: string, { memoryKib, passes, lanes, salt, tag }: Argon2Hash): Promise<Buffer> {
  const parameters = {
    message: password,
    nonce: salt,
    memory: memoryKib,
    passes,
    parallelism: lanes,
    tagLength: tag.length,
  };
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}
