/**
 * Answer: the one place that turns the outcome of an exchange into a status line. A head that could not be read is no
 * exchange: `wire/server/connection.ts` answers it.
 */
import { withCors } from '../http/cors.ts';
import { endToEnd, FieldFilter, type Fields, fieldOf, fieldsOf } from '../http/fields.ts';
import { viaName } from '../http/forwarded.ts';
import type { Admitted, Received, Routed } from './exchange.ts';
import type { Page } from './outcome.ts';
import type { Downstream } from './ports.ts';
import { type KeptAnswer, type Refusal, refusalTable } from './refusals.ts';
import { type TimesTold, timeFields } from './server-timing.ts';

export const json = 'application/json; charset=utf-8';
/** Written by Weir itself. */
const ownNames = ['via', 'x-request-id'];
const toAnswers = new FieldFilter(ownNames);
/** For a caller that is told the answer of another one's request. */
const toOthers = new FieldFilter(['content-length', 'retry-after', 'set-cookie', 'date', ...ownNames]);
/** No length is said where there can be no body (RFC 9110, 8.6). */
const to204 = new FieldFilter(['content-length', ...ownNames]);
/** Fields that must not stand in trailers: framing and routing are over by then (RFC 9110, 6.5.1). */
const toTrailers = new FieldFilter(['content-length', 'trailer', 'ratelimit', 'ratelimit-policy', ...ownNames]);

/** Weir's own answer. Returns its status. */
export function answerPage(exchange: Received, downstream: Downstream, page: Page): number {
  const fields = ['X-Request-Id', exchange.id, ...page.fields];
  if (exchange.cors !== null) fields.push(...exchange.cors);
  addPreference(fields, exchange);
  if (page.status !== 204 && fieldOf(page.fields, 'content-type') === null) fields.push('Content-Type', json);
  // Weir's own answers are about accounts, tokens or the moment: none of them is for a cache.
  if (fieldOf(page.fields, 'cache-control') === null) fields.push('Cache-Control', 'no-store');
  if (exchange.method !== 'HEAD') exchange.counters.bytesOut += Buffer.byteLength(page.body);
  downstream.page(page.status, fields, page.body);
  return page.status;
}

/** The body in which a refusal is told. */
export type RefusalBody = (refusal: Refusal) => string;

/** How refusals are told: in the form of the API that is behind Weir. */
export interface RefusalForm {
  readonly refusalBody: RefusalBody;
  /** Its media type. Not there: JSON's. */
  readonly refusalType?: string;
}

/**
 * Weir's own "no". Returns its status.
 * @param times what one that stood in line is told of that
 */
export function answerRefusal(
  exchange: Received,
  downstream: Downstream,
  refusal: Refusal,
  { refusalBody, refusalType = json }: RefusalForm,
  times: TimesTold,
): number {
  const { answer } = refusal;
  if (answer !== undefined && canRead(exchange, answer)) {
    return tellAnswer(exchange, downstream, answer, refusal.retryAfterMs ?? 0);
  }
  const { status } = refusalTable[refusal.name];
  const fields = ['Content-Type', refusalType];
  if (refusal.retryAfterMs !== null) {
    fields.push('Retry-After', String(Math.max(1, Math.ceil(refusal.retryAfterMs / 1_000))));
  }
  if (refusal.allow !== undefined) fields.push('Allow', refusal.allow);
  if (exchange.joinedAt !== -1) fields.push(...timeFields(exchange, 0, times));
  if (status === 401) fields.push('WWW-Authenticate', challenge(exchange));
  return answerPage(exchange, downstream, { kind: 'page', status, fields, body: refusalBody(refusal) });
}

/** Whether a caller takes the coding in which another one's answer came (RFC 9110, 12.5.3). */
function canRead({ fields }: Received, answer: KeptAnswer): boolean {
  const coding = fieldOf(answer.fields, 'content-encoding')?.trim().toLowerCase() ?? 'identity';
  if (coding === 'identity') return true;
  const accepted = fieldsOf(fields, 'accept-encoding').join(',').toLowerCase().split(',');
  return accepted.some((one) => /^\s*([^\s;]+)\s*(?!;\s*q=0(?:\.0*)?\s*$)/.exec(one)?.[1] === coding);
}

/** What the upstream said to another one: its status, fields and body, and the time that is left of its pause. */
function tellAnswer(
  exchange: Received,
  downstream: Downstream,
  { status, fields, body }: KeptAnswer,
  retryAfterMs: number,
): number {
  const out = endToEnd(fields, toOthers);
  out.push('Content-Length', `${body.length}`, 'Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1_000))));
  out.push('Via', viaName, 'X-Request-Id', exchange.id);
  addPreference(out, exchange);
  if (exchange.method !== 'HEAD') exchange.counters.bytesOut += body.length;
  downstream.head(status, toBrowsers(out, exchange));
  if (exchange.method !== 'HEAD') downstream.data(body);
  downstream.end([]);
  return status;
}

/**
 * The head of the Coreapp's answer.
 * @param times what is told of the time, behind what the Coreapp says itself
 */
export function relayHead(
  exchange: Admitted,
  downstream: Downstream,
  status: number,
  fields: Fields,
  times: Fields,
): void {
  const out = endToEnd(fields, status === 204 ? to204 : toAnswers);
  const via = fieldOf(fields, 'via') === null ? viaName : [...fieldsOf(fields, 'via'), viaName].join(', ');
  out.push('Via', via, 'X-Request-Id', exchange.id);
  // A redirection is not to be waited with (6 of the draft).
  if (exchange.rateLimit !== null && status >= 200 && (status < 300 || status >= 400)) {
    exchange.rateLimit.addTo(out, fields);
  }
  addPreference(out, exchange);
  if (times.length > 0) out.push(...times);
  downstream.head(status, toBrowsers(out, exchange));
}

const toBrowsers = (fields: Fields, { cors }: Received): Fields => (cors === null ? fields : withCors(fields, cors));

/** The end of the Coreapp's answer. False: the caller has still to take the last of it. */
export function relayEnd(downstream: Downstream, trailers: Fields): boolean {
  return downstream.end(trailers.length === 0 ? trailers : endToEnd(trailers, toTrailers));
}

/** Says that the caller waited no longer than it wanted to (RFC 7240, 3). */
function addPreference(fields: string[], { waitSeconds }: Received): void {
  if (waitSeconds >= 0) fields.push('Preference-Applied', `wait=${waitSeconds}`);
}

/** The scheme that the endpoint wants (RFC 9110, 11.6.1). */
function challenge(exchange: Received): string {
  const wantsBasic = (exchange as Partial<Routed>).route?.access === 'login';
  return wantsBasic ? 'Basic realm="weir", charset="UTF-8"' : 'Bearer realm="weir"';
}
