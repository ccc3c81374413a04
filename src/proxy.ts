/**
 * The whole story: every request travels these stages, in this order. One direction, one loop.
 *
 *     receive ▶ route ▶ authenticate ▶ collect ▶ stand in line ▶ forward ▶ answer
 *                                                    ▲              │
 *                                                    └── replay ────┘  if it may be sent again, within the hold time
 */
import type { Admit } from './admission/admit.ts';
import type { Gates } from './admission/gates.ts';
import type { Stander } from './admission/stay.ts';
import type { Authenticate } from './auth/authenticate.ts';
import { BodyAllocation } from './bodies/body-allocation.ts';
import { type BodyBounds, collect } from './bodies/collect.ts';
import type { DiskBudget } from './bodies/disk.ts';
import { answerPage, answerRefusal, type RefusalForm } from './exchange/answer.ts';
import type { Admitted, Collected, Identified, Received } from './exchange/exchange.ts';
import type { Admission, Attempt, Gone, Outcome, Page, Replay } from './exchange/outcome.ts';
import type { Audit, Downstream, OwnEndpoints, RequestHead } from './exchange/ports.ts';
import type { Principal } from './exchange/principal.ts';
import type { Receive } from './exchange/receive.ts';
import { type Refusal, refuse } from './exchange/refusals.ts';
import type { TimesTold } from './exchange/server-timing.ts';
import { networkOf } from './http/network.ts';
import { type RecordDeps, record } from './observe/record.ts';
import type { RouteStage } from './routing/router.ts';
import type { Forward } from './upstream/forward.ts';
import type { Caller, OpenRequests } from './wire/open-requests.ts';
import type { OwnTurns } from './wire/own-turns.ts';

/** For downstreams of one kind: those that ask to switch protocols have more to hand over (`upstream/ports.ts`). */
export interface Stages<From extends Downstream = Downstream> {
  readonly receive: Receive;
  readonly route: RouteStage;
  readonly authenticate: Authenticate;
  readonly admit: Admit;
  readonly forward: Forward<From>;
  /** The endpoints that Weir answers itself. */
  readonly own: OwnEndpoints;
}

/** What is needed between the stages. */
export interface GatewayDeps extends RefusalForm, RecordDeps {
  /** For the bodies of what Weir answers itself. */
  readonly ownBodies: BodyBounds;
  readonly openRequests: OpenRequests;
  readonly ownTurns: OwnTurns;
  readonly disk: DiskBudget;
  /** What callers are told of where the time went. */
  readonly times: TimesTold;
  /** Writes down what was done to accounts. */
  readonly audit: Audit;
  /** Answers browsers that ask whether a script may send a request; null: it is no such question. Not there: to nobody. */
  readonly preflight?: ((exchange: Received) => Page | null) | undefined;
}

/**
 * Takes a request through the stages to its end, whatever that is.
 * @param ended called once, when it is over
 */
export type Gateway<From extends Downstream = Downstream> = (
  head: RequestHead,
  downstream: From,
  ended: () => void,
) => void;

/** When to come back is a guess: nobody knows when one of these requests ends. */
const tooManyOpen = refuse('lineFull', 'Too many requests from this address are under way.', 1_000);

/** For all: what awaits it goes on once the code that runs has come to its end. */
const soon = Promise.resolve();

export function createGateway<From extends Downstream>(stages: Stages<From>, deps: GatewayDeps): Gateway<From> {
  return (head, downstream, ended) => {
    try {
      const { exchange, refusal } = stages.receive(head);
      void new Passage(stages, deps, exchange, downstream, ended).begin(refusal);
    } catch (error) {
      deps.log.error('a bug: a request was not answered, or not recorded', { error });
      downstream.cut();
      ended();
    }
  };
}

/**
 * A request on its way. Where it has to wait in line nothing but this waits: `begin` is over by then, and `settle` has
 * it go on. An async function that waits takes half a kilobyte.
 */
class Passage<From extends Downstream> implements Stander {
  readonly #stages: Stages<From>;
  readonly #deps: GatewayDeps;
  readonly #exchange: Received;
  readonly #downstream: From;
  readonly #ended: () => void;
  /** Whose request it is counted as; null: it has too many under way. */
  readonly #caller: Caller | null;
  /** Where it stands in line, whatever the configuration says later; null before. */
  #gates: Gates | null = null;
  /** Why it stands there again; null: it was not sent yet. */
  #last: Replay | null = null;

  constructor(stages: Stages<From>, deps: GatewayDeps, exchange: Received, downstream: From, ended: () => void) {
    this.#stages = stages;
    this.#deps = deps;
    this.#exchange = exchange;
    this.#downstream = downstream;
    this.#ended = ended;
    this.#caller = deps.openRequests.enter(exchange.origin);
  }

  /** @param refused why it goes no further; null: it does */
  async begin(refused: Refusal | null): Promise<void> {
    let end: Outcome | null;
    try {
      const reached = refused ?? (this.#caller === null ? tooManyOpen : await this.#prepare());
      const first = reached.kind === 'exchange' ? this.#join(reached) : reached;
      if (first?.kind === 'refusal') {
        release(this.#exchange);
        await ownTurn(this.#deps, this.#exchange);
      }
      end = first?.kind === 'exchange' ? await this.#send(first) : first;
    } catch (error) {
      end = this.#threw(error);
    }
    if (end !== null) this.#finish(end);
  }

  settle(admission: Admission): void {
    void this.#goOn(admission);
  }

  /** A request that waited in line doesn't wait for its turn to be refused: where Weir stops, all are refused at once. */
  async #goOn(admission: Admission): Promise<void> {
    let end: Outcome | null;
    try {
      await soon; // The gate still moves its line.
      end = admission.kind === 'exchange' ? await this.#send(admission) : blamed(admission, this.#last);
    } catch (error) {
      end = this.#threw(error);
    }
    if (end !== null) this.#finish(end);
  }

  /** The stages before the line, and all of what Weir answers itself. */
  async #prepare(): Promise<Collected | Outcome> {
    const deps = this.#deps;
    const arrived = this.#exchange;
    const preflight = deps.preflight?.(arrived) ?? null;
    if (preflight !== null) {
      await ownTurn(deps, arrived);
      return preflight;
    }
    const { route, authenticate, admit, own } = this.#stages;
    // Awaited even where it is known at once: by the next turn Node has read a body that came with its head.
    const identified = await authenticate(route(arrived));
    if (identified.kind !== 'exchange') return identified;
    if (identified.principal.kind !== 'nobody') this.#downstream.known();
    const to = identified.route;
    const bounds = to.by === 'weir' ? deps.ownBodies : admit.gates(to.class);
    const allocation = new BodyAllocation(bounds.bodies, sharingOf(identified), deps.disk);
    identified.allocation = allocation;
    const collecting = collect(identified, this.#downstream, bounds, allocation);
    const request = collecting instanceof Promise ? await collecting : collecting;
    if (request.kind !== 'exchange' || to.by !== 'weir') return request;
    await ownTurn(deps, request);
    return await own.answer(request);
  }

  /** Null: it waits in line. */
  #join(request: Collected): Admission | null {
    this.#gates = this.#stages.admit.gates(request.route.class);
    return this.#gates.admit(request, this.#downstream, this);
  }

  /** Forward, and again as long as it may be sent again. Null: it waits in line once more. */
  async #send(admitted: Admitted): Promise<Outcome | null> {
    const gates = this.#gates as Gates;
    for (let admission: Admission | null = admitted; admission !== null; ) {
      if (admission.kind !== 'exchange') return blamed(admission, this.#last);
      const attempt: Attempt = await this.#stages.forward(admission, this.#downstream);
      if (attempt.kind === 'passed') gates.passed(admission);
      if (attempt.kind !== 'replay') return attempt;
      this.#last = attempt;
      this.#deps.meter.replayed(gates.name, attempt.reason);
      admission = gates.readmit(admission, this.#downstream, attempt, this);
    }
    return null;
  }

  #threw(error: unknown): Outcome {
    this.#deps.log.error('a bug: a stage threw', { requestId: this.#exchange.id, error });
    return refuse('bug');
  }

  #finish(outcome: Outcome): void {
    const exchange = this.#exchange;
    const downstream = this.#downstream;
    const deps = this.#deps;
    let answered = false;
    try {
      release(exchange);
      if (this.#caller !== null) deps.openRequests.leave(this.#caller);
      exchange.counters.bytesIn = downstream.bytesIn;
      const status = answer(exchange, downstream, outcome, deps);
      answered = true;
      record(deps, exchange, outcome, status, outcome.kind === 'passed' ? outcome.cut : downstream.cutFor);
      deps.audit(exchange, outcome);
    } catch (error) {
      deps.log.error('a bug: a request was not answered, or not recorded', { error });
      if (!answered) downstream.cut();
    }
    this.#ended();
  }
}

/** What it has held to its end. Doing so twice does nothing. */
function release(exchange: Received): void {
  exchange.allocation?.release();
  exchange.allocation = null;
  exchange.serialLanes?.[Symbol.dispose]();
  exchange.serialLanes = null;
}

/** What Weir answers itself waits for its turn. */
function ownTurn({ ownTurns }: GatewayDeps, { origin }: Received): Promise<void> | null {
  return ownTurns.enter(networkOf(origin.remote));
}

/** Whose share its body takes. Callers that log in are nobody yet, and must not all share one place. */
export function sharingOf({ principal, origin }: Identified): Principal {
  return principal.kind === 'nobody' ? { kind: 'nobody', from: networkOf(origin.remote) } : principal;
}

/** If the hold time ended because the Coreapp was away, slow or broken, that is not an overload. */
function blamed(end: Refusal | Gone, last: Replay | null): Refusal | Gone {
  if (end.kind !== 'refusal' || end.name !== 'holdTimeOver') return end;
  return last === null || last.otherwise === null ? end : refuse(last.otherwise, null, end.retryAfterMs);
}

/** Answers, where that is still to be done. Returns the status that the caller saw; 499 (nginx's) if it had gone. */
function answer(exchange: Received, downstream: Downstream, outcome: Outcome, deps: GatewayDeps): number {
  if (downstream.gone && outcome.kind !== 'passed') return 499;
  switch (outcome.kind) {
    case 'passed':
      return outcome.status;
    case 'page':
      return answerPage(exchange, downstream, outcome);
    case 'refusal':
      return answerRefusal(exchange, downstream, outcome, deps, deps.times);
    case 'gone':
      return 499;
  }
}
