/**
 * What an operator has paused. Its requests are held, not refused: they wait for their hold time, and go on where the
 * pause ends before. Nobody knows when that is, so a newcomer is not refused for it either.
 */
import type { EndpointClass } from '../exchange/route.ts';

export class OperatorPauses {
  #classes: ReadonlySet<EndpointClass> = new Set();
  #callers: ReadonlySet<string> = new Set();
  /** Whether anything is paused: the one question that a request costs where nothing is. */
  any = false;

  /** In the place of what was paused before. @param callers as `nameOf(principal)` says them */
  set(classes: ReadonlySet<EndpointClass>, callers: ReadonlySet<string>): void {
    this.#classes = classes;
    this.#callers = callers;
    this.any = classes.size + callers.size > 0;
  }

  ofClass(name: EndpointClass): boolean {
    return this.any && this.#classes.has(name);
  }

  ofCaller(caller: string): boolean {
    return this.any && this.#callers.has(caller);
  }

  get callers(): Iterable<string> {
    return this.#callers;
  }
}
