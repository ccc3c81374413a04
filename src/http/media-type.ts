/**
 * What kind of text a body is, for those who look into it. None is read that has a content coding (RFC 9110, 8.3 and 8.4).
 */
import { type Fields, fieldOf } from './fields.ts';

const json = /^\s*application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;
const eventStream = /^\s*text\/event-stream\s*(?:;|$)/i;

/** JSON, or a kind that is written in it, such as `application/problem+json` (RFC 6839, 3.1). */
export function isPlainJson(fields: Fields): boolean {
  return isPlain(json, fields);
}

/** Server-sent events. */
export function isPlainEventStream(fields: Fields): boolean {
  return isPlain(eventStream, fields);
}

function isPlain(type: RegExp, fields: Fields): boolean {
  return type.test(fieldOf(fields, 'content-type') ?? '') && fieldOf(fields, 'content-encoding') === null;
}
