/**
 * When a worker tells its parent what it has counted. What one that is killed has not told is lost, so the counts of
 * requests go often; all else, which costs more than ten times as much to tell, goes once a second.
 */
import type { Alarm, Clock } from '../clock.ts';

const tallyEveryMs = 100;
/** A report stands in the place of the first. */
const tallyTurns = 10;

interface Reporter {
  /** All that it has to say. */
  report(): void;
  /** What it has counted of requests. */
  tally(): void;
}

export class Reporting {
  readonly #clock: Pick<Clock, 'after'>;
  readonly #reporter: Reporter;
  #alarm: Alarm | null = null;
  /** 0: the next is a report. */
  #turn = 0;
  #hasNews = false;

  constructor(clock: Pick<Clock, 'after'>, reporter: Reporter) {
    this.#clock = clock;
    this.#reporter = reporter;
  }

  /** The first report goes at once: a tally takes the place of the one in the report before it. */
  begin(): void {
    this.#turn = 0;
    this.#next();
  }

  /** A request has come, or ended. */
  counted(): void {
    this.#hasNews = true;
  }

  end(): void {
    this.#alarm?.cancel();
  }

  #next(): void {
    if (this.#turn === 0) this.#reporter.report();
    else if (this.#hasNews) this.#reporter.tally();
    this.#hasNews = false;
    this.#turn = (this.#turn + 1) % tallyTurns;
    this.#alarm = this.#clock.after(tallyEveryMs, () => this.#next());
  }
}
