/** What is wrong with Redis, for the log: each trouble one line with its remedy, however many connections meet it. */
import type { Log } from '../../observe/ports.ts';
import { causeOf } from './causes.ts';

/** Who met it: a connection, and the node of the cluster where there is one. */
export interface Meeting {
  readonly purpose: string;
  readonly node?: string;
}

interface Trouble {
  readonly node: string | undefined;
  /**
   * True: a connection has it, and it is over when the connection stands. False: Redis refuses something, and it is
   * over when Redis gives slots again.
   */
  readonly broken: boolean;
  /** Broken for a reason that says more than that it is gone. */
  readonly worse: boolean;
  /** Who still has it. */
  readonly purposes: Set<string>;
  metAt: number;
}

/** A refusal that was not met for so long has been mended, whether anything told or not. */
const forgottenMs = 60_000;

export class Troubles {
  readonly #log: Log;
  readonly #current = new Map<string, Trouble>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** A connection failed, or did not come about. */
  broke(meeting: Meeting, error: unknown): void {
    this.#met(meeting, error, true);
  }

  /** Redis answered, and what it answered was an error. */
  refused(meeting: Meeting, error: unknown): void {
    this.#met(meeting, error, false);
  }

  /** A connection stands. */
  connected({ purpose, node }: Meeting): void {
    this.#end((trouble) => {
      if (trouble.broken && trouble.node === node) trouble.purposes.delete(purpose);
      return trouble.purposes.size === 0;
    });
  }

  /** Redis gives slots again: it reads, writes and knows who asks. */
  served(purpose: string): void {
    this.#end((trouble) => {
      trouble.purposes.delete(purpose);
      return !trouble.broken || trouble.purposes.size === 0;
    });
  }

  #met({ purpose, node }: Meeting, error: unknown, broken: boolean): void {
    const { name, gone, reason, remedy, command } = causeOf(error);
    const topic = `${node ?? ''} ${gone === true ? 'gone' : name} ${command ?? ''}`;
    const now = performance.now();
    if (gone === true && broken && this.#hasWorse(purpose, node)) return;
    const known = this.#current.get(topic);
    if (known !== undefined && (broken || now - known.metAt < forgottenMs)) {
      known.purposes.add(purpose);
      known.metAt = now;
      return;
    }
    this.#current.set(topic, {
      node,
      broken,
      worse: broken && gone !== true,
      purposes: new Set([purpose]),
      metAt: now,
    });
    const message = broken ? 'Redis is away' : 'Redis refuses what Weir asks';
    this.#log.warn(message, { purpose, ...(node === undefined ? {} : { node }), cause: name, reason, remedy });
  }

  /** A connection that is refused also closes, which says no more. */
  #hasWorse(purpose: string, node: string | undefined): boolean {
    for (const trouble of this.#current.values()) {
      if (trouble.worse && trouble.node === node && trouble.purposes.has(purpose)) return true;
    }
    return false;
  }

  #end(isOver: (trouble: Trouble) => boolean): void {
    if (this.#current.size === 0) return;
    for (const [topic, trouble] of this.#current) if (isOver(trouble)) this.#current.delete(topic);
    if (this.#current.size === 0) this.#log.info('Redis is back');
  }
}
