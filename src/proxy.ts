/**
 * The whole story: every request travels these stages, in this order. One direction, one loop.
 *
 *     receive ▶ route ▶ authenticate ▶ collect ▶ stand in line ▶ forward ▶ answer
 *                                                    ▲              │
 *                                                    └── replay ────┘  if it may be sent again, within the hold time
 */
import type { Admit } from './admission/admit.ts';
import type { Authenticate } from './auth/authenticate.ts';
import { BodyAllocation } from './bodies/body-allocation.ts';
import { type BodyBounds, collect } from './bodies/collect.ts';
import type { DiskBudget } from './bodies/disk.ts';
import type { Clock } from './clock.ts';
import { answerPage, answerRefusal, type RefusalForm } from './exchange/answer.ts';
import type { Collected, Identified, Received } from './exchange/exchange.ts';
import type { Attempt, Gone, Outcome, Page, Replay } from './exchange/outcome.ts';
import type { Audit, Downstream, OwnEndpoints, RequestHead } from './exchange/ports.ts';
import type { Principal } from './exchange/principal.ts';
import type { Receive } from './exchange/receive.ts';
import type { Refusal } from './exchange/refusals.ts';
import { refuse } from './exchange/refusals.ts';
import type { TimesTold } from './exchange/server-timing.ts';
import { networkOf } from './http/network.ts';
import type { Log, Meter, Tracer } from './observe/ports.ts';
import { record } from './observe/record.ts';
import type { RouteStage } from './routing/router.ts';
import type { Forward } from './upstream/forward.ts';
import type { OpenRequests } from './wire/open-requests.ts';
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
export interface GatewayDeps extends RefusalForm {
  /** For the bodies of what Weir answers itself. */
  readonly ownBodies: BodyBounds;
  readonly openRequests: OpenRequests;
  readonly ownTurns: OwnTurns;
  readonly disk: DiskBudget;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** Null, or not there: nobody is told of traces. */
  readonly tracer?: Tracer | null;
  /** The limits of the classes: requests a second. */
  readonly limits: Readonly<Record<string, { readonly rate: number }>>;
  /** What callers are told of where the time went. */
  readonly times: TimesTold;
  /** Writes down what was done to accounts. */
  readonly audit: Audit;
  /** Answers browsers that ask whether a script may send a request; null: it is no such question. Not there: to nobody. */
  readonly preflight?: ((exchange: Received) => Page | null) | undefined;
}

export type Gateway<From extends Downstream = Downstream> = (head: RequestHead, downstream: From) => Promise<void>;

/** When to come back is a guess: nobody knows when one of these requests ends. */
const tooManyOpen = refuse('lineFull', 'Too many requests from this address are under way.', 1_000);

export function createGateway<From extends Downstream>(stages: Stages<From>, deps: GatewayDeps): Gateway<From> {
  return async (head, downstream) => {
    let answered = false;
    try {
      const { exchange, refusal } = stages.receive(head);
      let outcome: Outcome;
      const caller = deps.openRequests.enter(exchange.origin);
      try {
        const reached = refusal ?? (caller === null ? tooManyOpen : await prepare(stages, deps, exchange, downstream));
        outcome = reached.kind === 'exchange' ? await deliver(stages, deps, reached, downstream) : reached;
        release(exchange);
        // A request that waited in line doesn't wait again: where Weir stops, all are refused at once.
        if (outcome.kind === 'refusal' && exchange.joinedAt === -1) await ownTurn(deps, exchange);
      } catch (error) {
        deps.log.error('a bug: a stage threw', { requestId: exchange.id, error });
        outcome = refuse('bug');
      } finally {
        release(exchange);
        if (caller !== null) deps.openRequests.leave(caller);
      }
      exchange.counters.bytesIn = downstream.bytesIn;
      const status = finish(exchange, downstream, outcome, deps);
      answered = true;
      record(deps, exchange, outcome, status, outcome.kind === 'passed' ? outcome.cut : downstream.cutFor);
      deps.audit(exchange, outcome);
    } catch (error) {
      deps.log.error('a bug: a request was not answered, or not recorded', { error });
      if (!answered) downstream.cut();
    }
  };
}

/**
 * The stages before the line, and all of what Weir answers itself. `deliver` goes on only once this is over: while a
 * request is held, each function that waits for another takes half a kilobyte.
 */
async function prepare<From extends Downstream>(
  stages: Stages<From>,
  deps: GatewayDeps,
  arrived: Received,
  downstream: From,
): Promise<Collected | Outcome> {
  const preflight = deps.preflight?.(arrived) ?? null;
  if (preflight !== null) {
    await ownTurn(deps, arrived);
    return preflight;
  }
  // Awaited even where it is known at once: by the next turn Node has read a body that came with its head.
  const identified = await stages.authenticate(stages.route(arrived));
  if (identified.kind !== 'exchange') return identified;
  if (identified.principal.kind !== 'nobody') downstream.known();
  const to = identified.route;
  const bounds = to.by === 'weir' ? deps.ownBodies : stages.admit.gates(to.class);
  const allocation = new BodyAllocation(bounds.bodies, sharingOf(identified), deps.disk);
  identified.allocation = allocation;
  const collecting = collect(identified, downstream, bounds, allocation);
  const request = collecting instanceof Promise ? await collecting : collecting;
  if (request.kind !== 'exchange' || to.by !== 'weir') return request;
  await ownTurn(deps, request);
  return await stages.own.answer(request);
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

/** Stand in line, forward, and again as long as it may be sent again. */
async function deliver<From extends Downstream>(
  { admit, forward }: Stages<From>,
  deps: GatewayDeps,
  request: Collected,
  downstream: From,
): Promise<Outcome> {
  const gates = admit.gates(request.route.class);
  const admitting = gates.admit(request, downstream);
  if (!(admitting instanceof Promise) && admitting.kind === 'refusal') await ownTurn(deps, request);
  let admission = admitting instanceof Promise ? await admitting : admitting;
  for (let last: Replay | null = null; ; ) {
    if (admission.kind !== 'exchange') return blamed(admission, last);
    const attempt: Attempt = await forward(admission, downstream);
    if (attempt.kind === 'passed') gates.passed(request);
    if (attempt.kind !== 'replay') return attempt;
    last = attempt;
    deps.meter.replayed(gates.name, last.reason);
    admission = await gates.readmit(request, downstream, last);
  }
}

/** If the hold time ended because the Coreapp was away, slow or broken, that is not an overload. */
function blamed(end: Refusal | Gone, last: Replay | null): Refusal | Gone {
  if (end.kind !== 'refusal' || end.name !== 'holdTimeOver') return end;
  return last === null || last.otherwise === null ? end : refuse(last.otherwise, null, end.retryAfterMs);
}

/** Answers, where that is still to be done. Returns the status that the caller saw; 499 (nginx's) if it had gone. */
function finish(exchange: Received, downstream: Downstream, outcome: Outcome, deps: GatewayDeps): number {
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
