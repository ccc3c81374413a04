/** A worker as its parent sees it: one process, what it was asked and has not yet answered, and what it told last. */
import type { Clock } from '../clock.ts';
import type { Answer, FromWorker, Report, ToWorker } from './messages.ts';

/** The process itself. */
interface WorkerProcess {
  readonly pid: number;
  /** Where it is to keep its count of open requests (`open-count.ts`), a descriptor of its own; null: nowhere. */
  readonly countFd: number | null;
  send(message: ToWorker): void;
  /** At once: SIGKILL. */
  kill(): void;
}

export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: string | null;
  /** Why it could not even be started; null: it was. */
  readonly problem: string | null;
  /** How many were open in it; null: nobody knows but by its last report. */
  readonly openRequests: number | null;
}

export interface WorkerEvents {
  said(message: FromWorker): void;
  /** It is gone, and all that it wrote has been read. */
  ended(end: WorkerEnd): void;
}

/** Starts a process that waits for its `start`. */
export type SpawnWorker = (events: WorkerEvents) => WorkerProcess;

export class Member {
  readonly process: WorkerProcess;
  hasServed = false;
  /** What it told last; null: nothing yet. */
  report: Report | null = null;
  /** How often in a row it was found to have said nothing since the last time. */
  silences = 0;
  readonly #clock: Clock;
  readonly #asked = new Map<number, (answer: Answer | null) => void>();
  #ids = 0;

  constructor(process: WorkerProcess, clock: Clock) {
    this.process = process;
    this.#clock = clock;
  }

  /** Resolves to its answer. Null: it has ended, or said nothing for so long. */
  ask(message: (id: number) => ToWorker, timeoutMs: number): Promise<Answer | null> {
    this.#ids += 1;
    const id = this.#ids;
    return new Promise((resolve) => {
      const alarm = this.#clock.after(timeoutMs, () => this.#answer(id, null));
      this.#asked.set(id, (answer) => {
        alarm.cancel();
        resolve(answer);
      });
      this.process.send(message(id));
    });
  }

  answered(answer: Answer): void {
    this.silences = 0;
    if (answer.kind === 'report') this.report = answer.report;
    if (answer.id !== null) this.#answer(answer.id, answer);
  }

  /** Between two reports. */
  counted(tally: Report['counted']['tally']): void {
    this.silences = 0;
    if (this.report !== null) this.report = { ...this.report, counted: { ...this.report.counted, tally } };
  }

  /** Nobody waits for it any longer. */
  ended(): void {
    for (const id of [...this.#asked.keys()]) this.#answer(id, null);
  }

  #answer(id: number, answer: Answer | null): void {
    this.#asked.get(id)?.(answer);
    this.#asked.delete(id);
  }
}
