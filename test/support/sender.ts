/** Sends requests that a gate lets go to a Coreapp that takes no time or little: for tests of when they are sent. */
import type { Gates } from '../../src/admission/gates.ts';
import { AnswerBudget } from '../../src/bodies/answers.ts';
import { DiskBudget } from '../../src/bodies/disk.ts';
import type { Clock } from '../../src/clock.ts';
import type { Collected } from '../../src/exchange/exchange.ts';
import type { Gone } from '../../src/exchange/outcome.ts';
import type { Downstream } from '../../src/exchange/ports.ts';
import type { Refusal } from '../../src/exchange/refusals.ts';
import { ownFields } from '../../src/http/own-fields.ts';
import { createForward, type Forward } from '../../src/upstream/forward.ts';
import type { Coreapp } from '../../src/upstream/ports.ts';
import { Reachability } from '../../src/upstream/reachability.ts';
import { pass, type RetryPolicy } from '../../src/upstream/retry-policy.ts';
import { deafMeter } from './deaf-meter.ts';
import { silentLog } from './silent-log.ts';
import { stood } from './stood.ts';

interface SenderOptions {
  readonly clock: Clock;
  /** How long it takes from the slot until the request can be written. Default: it is written at once. */
  readonly wayMs?: () => number;
  /** How long the Coreapp takes. */
  readonly serviceMs?: number;
}

/** A request that was written: when, by the look at the clock that allowed it, and when its slot closes. */
export interface Written {
  readonly at: number;
  /** When the slot closes that it used. */
  readonly closesAt: number;
  /** How many slots in a row it gave up before. */
  readonly gaveUp: number;
}

/** No answer waits in Weir: each is read as fast as its caller takes it. */
function noAnswerBudget(): AnswerBudget {
  const disk = new DiskBudget({ memoryMaxBytes: 0, diskMaxBytes: 0, filesMax: 0, callerFilesMax: 0 }, () => {
    throw new Error('There is no disk.');
  });
  const bounds = { memoryMaxBytes: 0, answersMemoryMaxBytes: 0, answersDiskShareMax: 0, answersCallerShareMax: 1 };
  return new AnswerBudget(bounds, disk);
}

const retryPolicy: RetryPolicy = { answered: () => pass, failed: () => ({ again: false, teaches: true }) };

/** What `forward` is handed here, but for the clock and the Coreapp: every answer is the caller's, and nothing goes again. */
export const plainForward = {
  meter: deafMeter,
  reachability: new Reachability('', silentLog),
  answers: noAnswerBudget(),
  others: null,
  rewriting: {
    originsOf: () => [''],
    queryNames: new Set<string>(),
    throughWeir: () => null,
    version: null,
    basePath: '',
    queryOf: () => '',
    set: [],
    credentialField: '',
    credentialOf: () => null,
    bodyUrls: null,
  },
  own: ownFields(),
  retryPolicy,
  alarmed: () => {},
  notHeld: [],
  times: { serverTiming: false, holdField: false },
};

export class Sender {
  /** How many slots were given up because they had closed before anything could be written. */
  givenUp = 0;
  readonly #clock: Clock;
  readonly #wayMs: (() => number) | null;
  readonly #serviceMs: number;
  readonly #forward: (written: (at: number) => void) => Forward;

  constructor({ clock, wayMs, serviceMs = 0 }: SenderOptions) {
    this.#clock = clock;
    this.#wayMs = wayMs ?? null;
    this.#serviceMs = serviceMs;
    let lookedAt = 0;
    const looking: Clock = {
      wallMs: () => clock.wallMs(),
      after: (ms, call) => clock.after(ms, call),
      now() {
        lookedAt = clock.now();
        return lookedAt;
      },
    };
    this.#forward = (written) =>
      createForward({ ...plainForward, clock: looking, coreapp: this.#coreapp(() => written(lookedAt)) });
  }

  /** Has it stand in line until it is sent. `told` hears of that at once. */
  async send(
    gates: Gates,
    request: Collected,
    downstream: Downstream,
    told: (written: Written) => void,
  ): Promise<'sent' | Refusal | Gone> {
    for (let admission = await stood((stander) => gates.admit(request, downstream, stander)); ; ) {
      if (admission.kind !== 'exchange') return admission;
      const sent = admission;
      const attempt = await this.#forward((at) => told({ at, closesAt: sent.slotClosesAt, gaveUp: sent.slotsGivenUp }))(
        sent,
        downstream,
      );
      if (attempt.kind === 'passed') return 'sent';
      if (attempt.kind !== 'replay') return attempt;
      this.givenUp += 1;
      admission = await stood((stander) => gates.readmit(request, downstream, attempt, stander));
    }
  }

  #coreapp(written: () => void): Coreapp {
    return {
      send: (_, observer) => {
        const write = (): void => {
          if (!observer.mayWrite()) {
            observer.onFailure({ phase: 'unsent', cause: 'late', detail: '' });
            return;
          }
          written();
          this.#after(this.#serviceMs, () => {
            observer.onHead(200, []);
            observer.onEnd([]);
          });
        };
        this.#after(this.#wayMs?.() ?? 0, write);
        return { resume() {}, abort() {} };
      },
    };
  }

  #after(ms: number, call: () => void): void {
    if (ms === 0) call();
    else this.#clock.after(ms, call);
  }
}
