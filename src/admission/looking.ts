/** What an operator sees of the lines: who waits, in which order, and why one request does. Costs those who look. */
import { nameOf } from '../exchange/principal.ts';
import type { CallersView, CallerView, Turn, WaitReason, WaitView } from '../observe/views.ts';
import type { Gate } from './gate.ts';
import type { Gates } from './gates.ts';
import { bulkUrgency } from './line/urgency.ts';
import type { Waiter } from './stay.ts';

/** A request that waits, and where. */
interface Found {
  readonly gates: Gates;
  readonly gate: Gate;
  readonly waiter: Waiter;
}

const unknown: Turn = { turnInMs: null, turnByMs: null };

/**
 * The callers with something in line, by place. Those of several lines of a class are in the order of their next turns.
 * @param max how many are told
 */
export function callersOf(gates: Gates, max: number, now: number): CallersView {
  const all: CallerView[] = [];
  for (const gate of gates.inUse) {
    gate.line.standings().forEach(({ caller, requests, share, since }, i) => {
      const turn = gates.pausedByOperator(caller) ? unknown : gate.turn(i + 1, now);
      const oldestMs = Math.round(now - since);
      all.push({ class: gates.name, place: i + 1, caller, requests, share: rounded(share), oldestMs, ...turn });
    });
  }
  if (gates.live > 1) all.sort((a, b) => (a.turnInMs ?? Infinity) - (b.turnInMs ?? Infinity) || a.place - b.place);
  return { callers: all.slice(0, max), more: Math.max(0, all.length - max) };
}

/** A request by its `X-Request-Id`. Callers may choose that, so several may have it: the oldest is told. */
export function findWaiter(classes: Iterable<Gates>, id: string): Found | null {
  const found = foundIn(classes, ({ exchange }) => exchange.id === id);
  return found.sort((a, b) => a.waiter.since - b.waiter.since)[0] ?? null;
}

/** All that wait of one caller. */
export function waitersOf(classes: Iterable<Gates>, caller: string): Found[] {
  return foundIn(classes, (waiter) => waiter.caller === caller);
}

function foundIn(classes: Iterable<Gates>, isSought: (waiter: Waiter) => boolean): Found[] {
  const found: Found[] = [];
  for (const gates of classes) {
    for (const gate of gates.inUse) {
      for (const waiter of gate.waiting) if (isSought(waiter)) found.push({ gates, gate, waiter });
    }
  }
  return found;
}

export function waitOf({ gates, gate, waiter }: Found, now: number): WaitView {
  const { exchange, caller, urgency, since, until } = waiter;
  const front = waiter.waiting ? gate.line.inFrontOf(waiter) : null;
  const waitsFor = reasonOf(gates, gate, waiter, now);
  const turn = front === null ? restOf(waiter, now) : gate.turn(front.own + front.others + 1, now);
  return {
    id: exchange.id,
    class: gates.name,
    caller,
    urgency,
    waitsFor,
    limit: limitOf(gates, waitsFor),
    place: front === null ? null : front.own + front.others + 1,
    inFront: front,
    ...(waitsFor === 'operator' || waitsFor === 'permit' ? unknown : turn),
    waitedMs: Math.round(now - since),
    leftMs: Math.max(0, Math.round(until - now)),
    attempts: exchange.counters.attempts,
  };
}

/** A lane has no time of its own that is known here: its rest lasts as long as the hold time. */
function restOf({ rest, parkedIn }: Waiter, now: number): Turn {
  if (rest === null || parkedIn !== null) return unknown;
  const leftMs = Math.max(0, Math.round(rest.until - now));
  return { turnInMs: leftMs, turnByMs: leftMs };
}

function reasonOf(gates: Gates, gate: Gate, waiter: Waiter, now: number): WaitReason {
  if (gates.pausedByOperator(waiter.caller)) return 'operator';
  if (waiter.parkedIn !== null) return 'lane';
  if (gate.pausing.until > now) return 'pause';
  if (!waiter.waiting) return 'rest';
  if (gates.pauses.bulkUntil > now && waiter.urgency >= bulkUrgency) return 'pause';
  return gate.supply.lease.opensAt(now) <= now || !gates.limiter.availableTo(nameOf(waiter.exchange.principal), now)
    ? 'permit'
    : 'rate';
}

function limitOf({ name, limits, limiter }: Gates, waitsFor: WaitReason): string {
  switch (waitsFor) {
    case 'operator':
      return 'an operator has paused it';
    case 'pause':
      return 'the upstream has asked for a pause';
    case 'rest':
      return 'it rests before it is sent again';
    case 'lane':
      return `limits.${name}.also: a narrower limit has nothing left`;
    case 'permit':
      return `coreapp.permitsMax: ${limiter.inUse} in flight, ${limiter.limit} may be just now`;
    case 'rate':
      return `limits.${name}: ${limits.rate} requests a second, ${limits.burst} at once`;
  }
}

/** To a thousandth. */
const rounded = (share: number): number => Math.round(share * 1_000) / 1_000;
