/**
 * Signals: by what an API's answers say "too fast", of which limit, for how long, and what becomes of the request. A
 * retry policy that asks them first; what no signal knows is judged as ever.
 */
import type { EndpointClass } from '../exchange/route.ts';
import type { Signal } from '../exchange/signal.ts';
import { type Fields, fieldOf, fieldsOf } from '../http/fields.ts';
import { type Pointer, readDocument, valueAt } from '../http/pointer.ts';
import {
  type BodyStart,
  needMaxBytes,
  type RetryPolicy,
  type TriedRequest,
  type Verdict,
} from '../upstream/retry-policy.ts';
import { type PauseRule, pauseMsOf } from './times.ts';
import { fits, type Values } from './values.ts';

export interface SignalRule {
  readonly status: readonly number[];
  /** What stands in the body; all of it has to. Empty: it is not looked at. */
  readonly body: readonly { readonly pointer: Pointer; readonly values: Values }[];
  /** What stands in fields, by names in lower case; all of it has to. */
  readonly fields: readonly { readonly name: string; readonly values: Values }[];
  /** What the answer is about. */
  readonly of: Signal['of'];
  readonly pause: readonly PauseRule[];
  /** The longest pause, milliseconds. */
  readonly mostMs: number;
  /** The status with which callers are told of the answer; null: its own. */
  readonly as: number | null;
  /** `pass` and `alarm`: its caller gets the answer. `alarm` pauses what is least urgent, and only that. */
  readonly then: 'replay' | 'pass' | 'alarm';
  /** What operators are told of such an answer; null: nothing. */
  readonly warn: string | null;
}

interface SignalDeps {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly wallMs: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A body without its content coding, bounded; null: it can't be had. */
  readonly decode: (coding: string, bytes: Buffer) => Buffer | null;
}

type Table = ReadonlyMap<number, readonly SignalRule[]>;

/**
 * @param ofClass the rules of single classes, which go before those of all
 * @param otherwise judges what no signal knows
 */
export function createSignals(
  ofAll: readonly SignalRule[],
  ofClass: ReadonlyMap<EndpointClass, readonly SignalRule[]>,
  otherwise: RetryPolicy,
  deps: SignalDeps,
): RetryPolicy {
  const all = tableOf(ofAll);
  const refusals: Refusals = new WeakMap();
  const tables = new Map([...ofClass].map(([name, rules]) => [name, tableOf([...rules, ...ofAll])] as const));
  return {
    answered(request, status, fields, body) {
      const rules = (tables.get(request.route.class) ?? all).get(status);
      const verdict = rules === undefined ? null : judge(rules, { request, refusals, fields, body }, deps);
      return verdict ?? otherwise.answered(request, status, fields, body);
    },
    failed: (request, sent, failure) => otherwise.failed(request, sent, failure),
  };
}

function tableOf(rules: readonly SignalRule[]): Table {
  const table = new Map<number, SignalRule[]>();
  for (const rule of rules) {
    for (const status of rule.status) table.set(status, [...(table.get(status) ?? []), rule]);
  }
  return table;
}

/**
 * How often each rule has refused a request, for as long as there is the request: what another limit has said says
 * nothing of how long this one lasts.
 */
type Refusals = WeakMap<TriedRequest, Map<SignalRule, number>>;

/** How often before; this one counts from now on. */
function refusedBefore({ request, refusals }: Answer, rule: SignalRule): number {
  const counts = refusals.get(request) ?? new Map<SignalRule, number>();
  const before = counts.get(rule) ?? 0;
  counts.set(rule, before + 1);
  refusals.set(request, counts);
  return before;
}

interface Answer {
  readonly request: TriedRequest;
  readonly refusals: Refusals;
  readonly fields: Fields;
  readonly body: BodyStart;
}

/** Null: none of the rules fits. */
function judge(rules: readonly SignalRule[], answer: Answer, deps: SignalDeps): Verdict | null {
  let document: unknown = notRead;
  for (const rule of rules) {
    if (!rule.fields.every(({ name, values }) => hasValue(answer.fields, name, values))) continue;
    if (readsBody(rule)) {
      if (!answer.body.ended && answer.body.bytes.length < needMaxBytes && mayBeJson(answer.fields)) {
        return { kind: 'need', bytes: needMaxBytes };
      }
      if (document === notRead) document = documentIn(answer, deps);
      const fits = rule.body.every(({ pointer, values }) => isOneOf(valueAt(document, pointer), values));
      if (!fits) continue;
    }
    return verdictOf(rule, answer, document === notRead ? undefined : document, deps);
  }
  return null;
}

const notRead = Symbol('not read');

const readsBody = ({ body, pause }: SignalRule): boolean => body.length > 0 || pause.some(({ by }) => by === 'body');

function verdictOf(rule: SignalRule, answer: Answer, document: unknown, { wallMs, random }: SignalDeps): Verdict {
  const { of, pause, mostMs, as, then, warn } = rule;
  const refusals = refusedBefore(answer, rule);
  const asked = { fields: answer.fields, document, refusals, wallMs: wallMs(), random: random() };
  const pauseMs = Math.min(mostMs, pauseMsOf(pause, asked));
  const signal: Signal = { of, pauseMs, as, bulk: then === 'alarm', ...(warn !== null && { warn }) };
  if (then !== 'replay') return { kind: 'pass', signal };
  return { kind: 'retry', limit: of === 'class' ? 'load' : 'rate', pauseMs, signal };
}

function hasValue(fields: Fields, name: string, values: Values): boolean {
  return fieldsOf(fields, name).some((value) => fits(value.trim(), values));
}

function isOneOf(value: unknown, values: Values): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value) && fits(String(value), values);
}

/** `application/json`, `application/problem+json`, `text/javascript`; or nothing is said. */
function mayBeJson(fields: Fields): boolean {
  const type = fieldOf(fields, 'content-type');
  return type === null || /^\s*(?:application|text)\/(?:[\w.-]+\+)?(?:json|javascript)\s*(?:;|$)/i.test(type);
}

/** Undefined: there is none that can be read. */
function documentIn({ fields, body }: Answer, { decode }: SignalDeps): unknown {
  if (!body.ended || !mayBeJson(fields)) return undefined;
  const coding = fieldOf(fields, 'content-encoding')?.trim().toLowerCase() ?? 'identity';
  const bytes = coding === 'identity' ? body.bytes : decode(coding, body.bytes);
  return bytes === null ? undefined : readDocument(bytes.toString());
}
