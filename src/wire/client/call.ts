/** One exchange with the Coreapp. It ends once. */
import type { Fields } from '../../http/fields.ts';
import type { CoreappCall, CoreappFailure, CoreappObserver, CoreappRequest } from '../../upstream/ports.ts';

/** What a call is with at present: a connection, or the queue for one. */
export interface Carrier {
  resume(): void;
  /** The call has ended: lets go of it. */
  drop(call: Call): void;
}

export class Call implements CoreappCall {
  readonly request: CoreappRequest;
  readonly observer: CoreappObserver;
  /** Its head as text; empty: it can't be written. */
  readonly head: string;
  phase: CoreappFailure['phase'] = 'unsent';
  /** Null: it has ended, or not begun. */
  carrier: Carrier | null = null;

  constructor(request: CoreappRequest, observer: CoreappObserver, head: string) {
    this.request = request;
    this.observer = observer;
    this.head = head;
  }

  resume(): void {
    this.carrier?.resume();
  }

  abort(): void {
    const { carrier } = this;
    if (carrier === null) return;
    carrier.drop(this);
    this.fail('aborted', 'it was given up');
  }

  end(trailers: Fields): void {
    this.carrier = null;
    this.observer.onEnd(trailers);
  }

  fail(cause: CoreappFailure['cause'], detail: string): void {
    this.carrier = null;
    this.observer.onFailure({ phase: this.phase, cause, detail });
  }
}
