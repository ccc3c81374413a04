/**
 * The Coreapp's job queue: so many workers, each busy for `serviceMs` with a job, and a bounded number of jobs that
 * wait. A job that was taken is done, whether or not somebody still waits for its answer.
 */
interface JobSettings {
  readonly workers: number;
  readonly serviceMs: number;
  readonly queueMax: number;
}

export interface JobFigures {
  readonly waiting: number;
  readonly working: number;
  /** The most that have waited at once since the last reset. */
  readonly waitingMost: number;
  /** Milliseconds that workers have been busy since the last reset, all of them together. */
  readonly workedMs: number;
  /** When these figures were read, milliseconds of the clock that arrivals are told by. */
  readonly atMs: number;
}

export class Jobs {
  #settings: JobSettings;
  /** Jobs in order; those before `#first` are gone. */
  #queue: (() => void)[] = [];
  #first = 0;
  #working = 0;
  #waitingMost = 0;
  #workedMs = 0;
  /** Up to when `#workedMs` counts. */
  #countedMs = performance.now();

  constructor(settings: JobSettings) {
    this.#settings = settings;
  }

  /** Takes a job, whose `done` is called when it is finished; false: the queue is full. */
  submit(done: () => void): boolean {
    const { workers, serviceMs, queueMax } = this.#settings;
    const waiting = this.#waiting;
    if (waiting === 0 && this.#working < workers) {
      this.#work(done, serviceMs);
      return true;
    }
    if (waiting >= queueMax) return false;
    this.#queue.push(done);
    this.#waitingMost = Math.max(this.#waitingMost, waiting + 1);
    return true;
  }

  change(settings: JobSettings): void {
    this.#settings = settings;
    this.#next();
  }

  figures(): JobFigures {
    this.#count();
    return {
      waiting: this.#waiting,
      working: this.#working,
      waitingMost: this.#waitingMost,
      workedMs: this.#workedMs,
      atMs: this.#countedMs,
    };
  }

  resetFigures(): void {
    this.#count();
    this.#waitingMost = this.#waiting;
    this.#workedMs = 0;
  }

  get #waiting(): number {
    return this.#queue.length - this.#first;
  }

  #work(done: () => void, serviceMs: number): void {
    if (serviceMs === 0) {
      done();
      return;
    }
    this.#count();
    this.#working += 1;
    setTimeout(() => {
      this.#count();
      this.#working -= 1;
      done();
      this.#next();
    }, serviceMs).unref();
  }

  #count(): void {
    const nowMs = performance.now();
    this.#workedMs += this.#working * (nowMs - this.#countedMs);
    this.#countedMs = nowMs;
  }

  #next(): void {
    while (this.#waiting > 0 && this.#working < this.#settings.workers) {
      const done = this.#queue[this.#first++] as () => void;
      this.#work(done, this.#settings.serviceMs);
    }
    if (this.#first > 1_000 && this.#first * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#first);
      this.#first = 0;
    } else if (this.#waiting === 0) {
      this.#queue.length = 0;
      this.#first = 0;
    }
  }
}
