/**
 * What operators see and order of several workers, as of one replica. A worker knows only who waits in it, so all are
 * asked. An order is given to one, which writes it down and tells the fleet; from that one the others have it, so that it
 * holds for the whole replica also while Redis is away.
 */
import type { EndpointClass } from '../exchange/route.ts';
import type { FleetCards } from '../observe/fleet-view.ts';
import { mergedCallers } from '../observe/merged-views.ts';
import type { Done, LiftedView, OnceOrder, StandingOrder, SteeringView } from '../observe/steering.ts';
import type { CallersView, RecentFigures, WaitSearch, WaitView } from '../observe/views.ts';
import type { AboutReplica, Given, Look, Steer } from '../ops/ports.ts';
import type { Member } from './member.ts';
import type { QuestionName, Questions, ToWorker } from './messages.ts';

interface OperatingDeps {
  readonly about: AboutReplica;
  /** Those that serve. */
  readonly workers: () => readonly Member[];
  readonly recent: () => RecentFigures;
  /** Has all workers say how they stand. */
  readonly refresh: () => Promise<unknown>;
}

/** How long a worker may take to answer. */
const answerMaxMs = 3_000;

export class Operating implements Look, Steer {
  readonly #deps: OperatingDeps;

  constructor(deps: OperatingDeps) {
    this.#deps = deps;
  }

  about(): AboutReplica {
    return this.#deps.about;
  }

  recent(): RecentFigures {
    return this.#deps.recent();
  }

  /** Any of them hears of all, the other workers included. */
  async fleet(): Promise<FleetCards> {
    const [lead] = this.#deps.workers();
    const told = lead === undefined ? null : await ask(lead, 'fleet');
    return told ?? { cards: [], silent: 0, complete: false };
  }

  async callers(name: EndpointClass, max: number): Promise<CallersView | null> {
    const answers = await Promise.all(this.#deps.workers().map((member) => ask(member, 'callers', name, max)));
    const views = answers.filter((view) => view !== null);
    return views.length === 0 ? null : mergedCallers(views, max);
  }

  /** Other replicas are asked only for what does not wait here. */
  async wait(id: string): Promise<WaitSearch> {
    const holder = await this.#holderOf(id);
    if (holder !== null) return { found: { ...holder.wait, replica: this.about().name }, complete: true };
    const [lead] = this.#deps.workers();
    const told = lead === undefined ? null : await ask(lead, 'wait', id);
    return told ?? { found: null, complete: false };
  }

  async inForce(): Promise<SteeringView> {
    const [lead] = this.#deps.workers();
    const view = lead === undefined ? null : await ask(lead, 'inForce');
    return view ?? { reach: 'fleet', inForce: [] };
  }

  async give(order: StandingOrder, forMs: number, from: string, wrong: string | null): Promise<Given> {
    const lead = this.#lead();
    const given = answered(await ask(lead, 'give', order, forMs, from, wrong));
    if (!('wrong' in given)) await this.#share(lead);
    return given;
  }

  async lift(order: StandingOrder, from: string): Promise<LiftedView> {
    const lead = this.#lead();
    const left = answered(await ask(lead, 'lift', order, from));
    await this.#share(lead);
    return left;
  }

  async once(order: OnceOrder, from: string): Promise<Done> {
    if (order.kind !== 'endCaller') {
      const holder = await this.#holderOf(order.request);
      return answered(await ask(holder?.member ?? this.#lead(), 'once', order, from, 0));
    }
    const lead = this.#lead();
    const counts = await Promise.all(this.#others(lead).map((member) => ask(member, 'onceHere', order)));
    const elsewhere = counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
    return answered(await ask(lead, 'once', order, from, elsewhere));
  }

  /** A worker that has just been started hears what was ordered before. */
  async welcome(newcomer: Member): Promise<void> {
    const [other] = this.#others(newcomer);
    if (other === undefined) return;
    const words = (await ask(other, 'words')) ?? [];
    if (words.length > 0) await ask(newcomer, 'hear', words);
  }

  /** The others have what one has, before the operator is answered. */
  async #share(lead: Member): Promise<void> {
    const words = answered(await ask(lead, 'words'));
    await Promise.all(this.#others(lead).map((member) => ask(member, 'hear', words)));
    await this.#deps.refresh();
  }

  #lead(): Member {
    const [lead] = this.#deps.workers();
    if (lead === undefined) throw new Error('no worker serves');
    return lead;
  }

  #others(one: Member): Member[] {
    return this.#deps.workers().filter((member) => member !== one);
  }

  /** Callers may choose the id, so several may have it: the one that has waited longest is meant. */
  async #holderOf(id: string): Promise<{ readonly member: Member; readonly wait: WaitView } | null> {
    const asked = this.#deps.workers().map(async (member) => ({ member, wait: await ask(member, 'waitHere', id) }));
    const found = (await Promise.all(asked)).flatMap(({ member, wait }) => (wait === null ? [] : [{ member, wait }]));
    return found.toSorted((a, b) => b.wait.waitedMs - a.wait.waitedMs)[0] ?? null;
  }
}

/** Null: it has ended, or not answered in time. */
async function ask<Name extends QuestionName>(member: Member, name: Name, ...args: Parameters<Questions[Name]>) {
  const answer = await member.ask((id) => ({ kind: 'ask', id, name, args }) as ToWorker, answerMaxMs);
  // What is said is what the worker's `Questions` give: both sides are one build.
  return answer?.kind === 'told' ? (answer.said as Awaited<ReturnType<Questions[Name]>>) : null;
}

function answered<Answer>(answer: Answer | null): Answer {
  if (answer === null)
    throw new Error(`a worker has not answered within ${answerMaxMs} ms; it may have done what was asked`);
  return answer;
}
