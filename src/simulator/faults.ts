import { type Fault, type FaultName, faultNames, type Settings } from './settings.ts';

/** Faults that strike before the request is acted on, and those that strike one that was. */
const before = ['resetBeforeBody', 'error429', 'error503'] as const;
const after = ['error500', 'resetAfterBody', 'hang', 'truncate'] as const;

export type FaultBefore = (typeof before)[number];
export type FaultAfter = (typeof after)[number];

/** Decides which requests and connections go wrong. `next` counts down in the settings themselves, where it can be read. */
export class Faults {
  readonly #random: () => number;
  #faults: Settings['faults'];
  #any: boolean;

  /** `random`: from 0 up to but not including 1. */
  constructor(faults: Settings['faults'], random: () => number) {
    this.#random = random;
    this.#faults = faults;
    this.#any = isAny(faults);
  }

  change(faults: Settings['faults']): void {
    this.#faults = faults;
    this.#any = isAny(faults);
  }

  strikesConnection(): boolean {
    return this.#any && this.#strikes(this.#faults.resetOnConnect);
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
    return names.find((name) => this.#strikes(this.#faults[name])) ?? null;
  }

  #strikes(fault: Fault): boolean {
    if (typeof fault === 'number') return fault > 0 && this.#random() < fault;
    if (fault.next === 0) return false;
    fault.next -= 1;
    return true;
  }
}

function isAny(faults: Settings['faults']): boolean {
  return faultNames.some((name) => faults[name] !== 0);
}
