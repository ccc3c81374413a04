/** How a worker answers what operators ask and order. */
import type { Serving } from '../app/app.ts';
import type { QuestionName, Questions } from './messages.ts';

type Asked = { readonly name: QuestionName; readonly args: readonly unknown[] };

/** @returns what the question gives */
export function answerTo({ name, args }: Asked, serving: Serving): unknown {
  return Reflect.apply(answersOf(serving)[name], null, args);
}

function answersOf({ services: { admit }, control }: Serving): Questions {
  return {
    callers: (name, max) => admit.callers(name, max),
    wait: (request) => admit.wait(request),
    inForce: () => control.inForce(),
    give: (order, forMs, from) => control.give(order, forMs, from),
    lift: (order, from) => control.lift(order, from),
    once: (order, from, elsewhere) => control.once(order, from, elsewhere),
    onceHere: (order) => admit.once(order),
    words: () => control.words,
    hear(words) {
      control.heard(words);
      return true;
    },
  };
}
