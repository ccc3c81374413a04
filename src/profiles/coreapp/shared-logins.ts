/**
 * Logins of one user with one password that come while another one is being checked: a client that starts a hundred
 * processes, or tries again before it was answered. They take its result if that is "right", and need no hash of their
 * own. If not, the next of them is checked, alone, so that many at once get no more tries than one after the other.
 */
import type { User } from '../../auth/accounts.ts';
import type { Clock } from '../../clock.ts';

/** How many wait for one login, and how long at most, milliseconds: as for a turn to hash. */
const followersMax = 1_000;
const waitMaxMs = 10_000;

/** This login is the one that is checked. */
export interface Lead {
  readonly kind: 'lead';
  /** True: others were checked before. */
  readonly waited: boolean;
  /** Has to be called, once; later calls do nothing. Null: the password was not found to be right. */
  settle(user: User | null): void;
}

/** `right`: the password is, of a user as it was read then. `late`: it waited too long, or too many did. */
type Shared = Lead | { readonly kind: 'right'; readonly user: User } | { readonly kind: 'late' };

type Followers = Set<(shared: Shared) => void>;

const late: Shared = { kind: 'late' };

export class SharedLogins {
  readonly #clock: Clock;
  /** Those who wait, by what is being checked. */
  readonly #followers = new Map<string, Followers>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param mark of a user and a password */
  join(mark: string): Shared | Promise<Shared> {
    const followers = this.#followers.get(mark);
    if (followers === undefined) {
      const none: Followers = new Set();
      this.#followers.set(mark, none);
      return this.#lead(mark, none, false);
    }
    if (followers.size >= followersMax) return late;
    return new Promise((resolve) => {
      const told = (shared: Shared): void => {
        alarm.cancel();
        resolve(shared);
      };
      const alarm = this.#clock.after(waitMaxMs, () => {
        followers.delete(told);
        resolve(late);
      });
      followers.add(told);
    });
  }

  #lead(mark: string, followers: Followers, waited: boolean): Lead {
    let settled = false;
    return {
      kind: 'lead',
      waited,
      settle: (user) => {
        if (settled) return;
        settled = true;
        const [next] = followers;
        if (user === null && next !== undefined) {
          followers.delete(next);
          next(this.#lead(mark, followers, true));
          return;
        }
        this.#followers.delete(mark);
        if (user !== null) for (const told of followers) told({ kind: 'right', user });
      },
    };
  }
}
