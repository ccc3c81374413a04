import { type Fault, type FaultName, faultNames, type Settings } from './settings.ts';

/** Faults that strike before the request is acted on, and those that strike one that was. */
const before = ['resetBeforeBody', 'error429', 'error503'] as const;
const after = ['error500', 'resetAfterBody', 'hang', 'truncate', 'trickle'] as const;

type FaultBefore = (typeof before)[number];
type FaultAfter = (typeof after)[number];

/**
 * Decides which requests and connections go wrong. `next` and `ms` count down in the settings themselves, where they
 * can be read, and from where they go on when other settings change.
 */
export class Faults {
  readonly #random: () => number;
  #faults: Settings['faults'];
  #any: boolean;
  /** Up to when `ms` has been counted down, `performance.now()`. */
  #countedMs = performance.now();

  /** `random`: from 0 up to but not including 1. */
  constructor(faults: Settings['faults'], random: () => number) {
    this.#random = random;
    this.#faults = faults;
    this.#any = isAny(faults);
  }

  change(faults: Settings['faults']): void {
    this.#countedMs = performance.now();
    this.#faults = faults;
    this.#any = isAny(faults);
  }

  /** Counts down the time of those that have one. */
  count(): void {
    const nowMs = performance.now();
    for (const name of faultNames) {
      const fault = this.#faults[name];
      if (typeof fault !== 'number' && 'ms' in fault) fault.ms = Math.max(0, fault.ms - (nowMs - this.#countedMs));
    }
    this.#countedMs = nowMs;
  }

  strikesConnection(): boolean {
    if (!this.#any) return false;
    this.count();
    return this.#strikes(this.#faults.resetOnConnect);
  }

  /** The fault of a request whose head was read; null: none. The first that strikes wins. */
  drawBefore(): FaultBefore | null {
    return this.#draw(before);
  }

  /** The fault of a request that is acted on; null: none. */
  drawAfter(): FaultAfter | null {
    return this.#draw(after);
  }

  #draw<Name extends FaultName>(names: readonly Name[]): Name | null {
    if (!this.#any) return null;
    this.count();
    return names.find((name) => this.#strikes(this.#faults[name])) ?? null;
  }

  #strikes(fault: Fault): boolean {
    if (typeof fault === 'number') return fault > 0 && this.#random() < fault;
    if ('ms' in fault) return fault.ms > 0 && this.#random() < fault.share;
    if (fault.next === 0) return false;
    fault.next -= 1;
    return true;
  }
}

function isAny(faults: Settings['faults']): boolean {
  return faultNames.some((name) => faults[name] !== 0);
}
