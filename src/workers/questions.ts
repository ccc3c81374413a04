/** How a worker answers what operators ask and order. */
import type { Serving } from '../app/app.ts';
import type { QuestionName, Questions } from './messages.ts';

type Asked = { readonly name: QuestionName; readonly args: readonly unknown[] };

/** Resolves to what the question gives. */
export async function answerTo({ name, args }: Asked, serving: Serving): Promise<unknown> {
  return (await Reflect.apply(answersOf(serving)[name], null, args)) as unknown;
}

function answersOf({ services: { admit }, look, steer }: Serving): Questions {
  return {
    callers: (name, max) => look.callers(name, max),
    waitHere: (request) => admit.wait(request),
    wait: async (request) => await look.wait(request),
    inForce: () => steer.inForce(),
    give: (order, forMs, from, wrong) => steer.give(order, forMs, from, wrong),
    lift: (order, from) => steer.lift(order, from),
    once: (order, from, elsewhere) => steer.once(order, from, elsewhere),
    onceHere: (order) => admit.once(order),
    words: () => steer.words,
    fleet: () => look.fleet(),
    hear(words) {
      steer.heard(words);
      return true;
    },
  };
}
