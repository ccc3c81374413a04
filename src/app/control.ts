/** What an operator may order of this process, each with its line in the audit trail. */
import { hostname } from 'node:os';
import type { Config } from '../config/config.ts';
import type { AuditReason } from '../exchange/exchange.ts';
import { isCallerName } from '../exchange/principal.ts';
import type { AuditAction } from '../observe/audit.ts';
import {
  type Done,
  type LiftedView,
  type OnceOrder,
  ordersMax,
  type StandingOrder,
  type SteeringView,
  type Word,
} from '../observe/steering.ts';
import { isDigest } from '../ops/names.ts';
import type { Given, Steer } from '../ops/ports.ts';
import type { Services } from './services.ts';
import { Steering } from './steering.ts';

const actions: Readonly<Record<StandingOrder['kind'], { readonly given: AuditAction; readonly lifted: AuditAction }>> =
  {
    pauseClass: { given: 'line.pause', lifted: 'line.resume' },
    pauseCaller: { given: 'line.pause', lifted: 'line.resume' },
    limit: { given: 'line.limit', lifted: 'line.unlimit' },
    drain: { given: 'replica.drain', lifted: 'replica.undrain' },
  };
const doneOnce: Readonly<Record<OnceOrder['kind'], AuditAction>> = {
  endRequest: 'line.end',
  endCaller: 'line.end',
  first: 'line.first',
};

type Order = StandingOrder | OnceOrder;

/** The name of its machine or Pod, and what tells it from others there. */
export const replicaName = (instance: string): string => `${hostname()}-${instance}`;

export class Control implements Steer {
  readonly #services: Services;
  readonly #replica: string;
  readonly #steering: Steering;
  /** The configuration without what is ordered. */
  #base: Config;
  #onDrain: (isDrained: boolean) => void = () => {};

  constructor(config: Config, services: Services) {
    const replica = replicaName(services.instance);
    this.#base = config;
    this.#services = services;
    this.#replica = replica;
    const { clock, admit, stores } = services;
    const { tellSteering } = stores;
    this.#steering = new Steering({
      clock,
      replica,
      changed: () => this.#changed(),
      once: (order) => admit.once(order),
      tell: tellSteering === null ? null : (words, once) => tellSteering({ words, once }),
      areHeard: () => stores.state().up,
      ended: (order) => {
        if (order.kind === 'drain' && order.replica !== replica) return;
        services.log.info('an order of an operator has ended by itself', { order: textOf(order) });
      },
    });
    stores.onSteering({
      heard: ({ words, once }) => this.#steering.heard(words, once),
      tellAgain: () => this.#steering.tellAgain(),
    });
  }

  /** Another configuration is in force, with what is ordered over it. */
  over(next: Config): Config {
    this.#base = next;
    return this.#steering.over(next);
  }

  /** Calls back, now and at each change. */
  onDrain(call: (isDrained: boolean) => void): void {
    this.#onDrain = call;
    call(this.#steering.isDrained);
  }

  inForce(): SteeringView {
    return this.#steering.view();
  }

  give(order: StandingOrder, forMs: number, from: string, isWrong: string | null = null): Given {
    const text = textOf(order, `for ${forMs / 1_000} s`);
    const wrong = isWrong ?? this.#whatIsWrong(order);
    const reason = wrong !== null ? 'meansNobody' : this.#steering.give(order, forMs) ? null : 'tooManyOrders';
    this.#write(actions[order.kind].given, from, order, text, reason);
    if (reason === null) return this.inForce();
    return { wrong: wrong ?? `There are ${ordersMax} orders in force already.` };
  }

  lift(order: StandingOrder, from: string): LiftedView {
    const wasInForce = this.#steering.lift(order);
    // Whoever ends a limit says no figures.
    const ended = order.kind === 'limit' ? { kind: order.kind, class: order.class } : order;
    this.#write(actions[order.kind].lifted, from, order, textOf(ended, wasInForce ? '' : 'nothing was in force'));
    return { ...this.inForce(), wasInForce };
  }

  /** @param elsewhere how many requests it concerned in the other workers of this replica */
  once(order: OnceOrder, from: string, elsewhere = 0): Done {
    const done = this.#steering.doOnce(order, elsewhere);
    this.#write(doneOnce[order.kind], from, order, textOf(order, `${done.requests} here`));
    return done;
  }

  get isDrained(): boolean {
    return this.#steering.isDrained;
  }

  /** For the other workers of this replica: what they hear of one another does not depend on Redis. */
  get words(): readonly Word[] {
    return this.#steering.words;
  }

  heard(words: readonly Word[]): void {
    this.#steering.heard(words, null);
  }

  close(): void {
    this.#steering.close();
  }

  #changed(): void {
    const { admit } = this.#services;
    admit.operatorPauses.set(this.#steering.pausedClasses, this.#steering.pausedCallers);
    // It pumps the lines, so callers that are paused do not go on.
    this.#services.limit(this.#steering.over(this.#base));
    this.#onDrain(this.#steering.isDrained);
  }

  #whatIsWrong(order: StandingOrder): string | null {
    if (order.kind === 'pauseClass' || order.kind === 'limit') {
      if (Object.hasOwn(this.#base.limits, order.class)) return null;
      return `${order.class}: there is no such class. There are ${Object.keys(this.#base.limits).join(', ')}.`;
    }
    if (order.kind === 'pauseCaller' && isDigest(order.caller)) {
      return `${order.caller} stands for a name that is not shown; with the operator's token /status?callers=10 shows it.`;
    }
    if (order.kind === 'pauseCaller' && !isCallerName(order.caller)) {
      return `${order.caller}: give a caller as /status?callers=10 names it, such as user:${order.caller}.`;
    }
    if (order.kind === 'drain' && this.#steering.isAlone && order.replica !== this.#replica) {
      return `${order.replica}: there is no such replica. This one is ${this.#replica}.`;
    }
    return null;
  }

  /** @param reason why it was refused; null: it was done */
  #write(action: AuditAction, remote: string, order: Order, text: string, reason: AuditReason | null = null): void {
    const caller = 'caller' in order && order.caller.startsWith('user:') ? order.caller.slice(5) : null;
    this.#services.log.audit({
      action,
      outcome: reason === null ? 'done' : 'refused',
      reason,
      by: 'operator',
      requestId: 'request' in order ? order.request : null,
      principal: null,
      user: caller,
      remote,
      order: text,
    });
  }
}

function textOf({ kind, ...of }: Pick<Order, 'kind'>, more = ''): string {
  const said = [kind, ...Object.entries(of).map(([name, value]) => `${name} ${value}`), more];
  return said.filter((part) => part !== '').join(', ');
}
