/** What a form of log lines is, and what several forms share. */
import { nameOf } from '../../exchange/principal.ts';
import { tenths } from '../../exchange/server-timing.ts';
import { splitHost } from '../../http/authority.ts';
import { fieldOf } from '../../http/fields.ts';
import type { AuditLine } from '../../observe/audit.ts';
import type { RequestField, RequestLine } from '../../observe/request-line.ts';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
export type EventLevel = 'debug' | 'info' | 'warn' | 'error';
/** A request that Weir itself answered with a 5xx is a warning; other answers and callers' mistakes are not. */
export type RequestLevel = Extract<EventLevel, 'info' | 'warn'>;

/** Writes lines in one form, each with a newline at its end. Times are milliseconds since 1970-01-01 UTC. */
export interface Format {
  request(line: RequestLine, level: RequestLevel, wallMs: number): string;
  audit(line: AuditLine, wallMs: number): string;
  /** @param fields without secrets */
  event(level: EventLevel, message: string, fields: Readonly<Record<string, unknown>>, wallMs: number): string;
}

export interface FormatOptions {
  /** Which fields the line of a request has; null: all. */
  readonly fields: readonly RequestField[] | null;
  /** Weir's own. */
  readonly version: string;
  /** Which worker of the replica writes: every line has it. Null: the replica is one process. */
  readonly worker: number | null;
}

/** A value as JSON text; null: the line goes without it. */
export type ValueText = (line: RequestLine) => string | null;

/** Each field's value. */
export const valueTexts: Readonly<Record<RequestField, ValueText>> = {
  requestId: ({ id }) => quoted(id),
  trace_id: ({ traceId }) => (traceId === null ? null : `"${traceId}"`),
  class: (line) => quoted(line.class),
  principal: ({ principal }) => (principal === null ? 'null' : quoted(nameOf(principal))),
  method: ({ method }) => quoted(method),
  path: ({ path }) => quoted(withoutQuery(path)),
  status: ({ status }) => `${status}`,
  remote: ({ remote }) => quoted(remote),
  heldMs: ({ heldMs }) => `${tenths(heldMs)}`,
  coreappMs: ({ coreappMs }) => `${tenths(coreappMs)}`,
  totalMs: ({ totalMs }) => `${tenths(totalMs)}`,
  attempts: ({ attempts }) => `${attempts}`,
  bytesOut: ({ bytesOut }) => `${bytesOut}`,
  refusal: ({ refusal }) => (refusal === null ? 'null' : `"${refusal}"`),
  bytesIn: ({ bytesIn }) => `${bytesIn}`,
  host: (line) => fieldText(line, 'host'),
  userAgent: (line) => fieldText(line, 'user-agent'),
  classRate: ({ classRate }) => (classRate === null ? null : `${classRate}`),
  cut: ({ cut }) => (cut === null ? null : `"${cut}"`),
};

/** As much of a caller's text as a line has, characters: a head may have far more. */
const fieldMaxChars = 256;

function fieldText({ fields }: RequestLine, name: string): string | null {
  const text = fieldOf(fields, name);
  return text === null ? null : shortQuoted(text);
}

/** The host and the port that a request named, as JSON texts; null where it named none. */
interface HostTexts {
  readonly host: string | null;
  readonly port: string | null;
}

/** Takes hosts apart. Most requests name the one that the request before has named. */
export function hostSplitter(): (line: RequestLine) => HostTexts {
  let last: string | null = null;
  let texts: HostTexts = { host: null, port: null };
  return ({ fields }) => {
    const named = fieldOf(fields, 'host');
    if (named === last) return texts;
    last = named;
    const { host = null, port = null } = splitHost(named) ?? {};
    texts = { host: host === null ? null : shortQuoted(host), port };
    return texts;
  };
}

function shortQuoted(text: string): string {
  return quoted(text.length <= fieldMaxChars ? text : text.slice(0, fieldMaxChars));
}

/** What a form calls a field, and how it writes the value; a name with dots is a member of a member. */
export type Member = readonly [name: string, value: ValueText];

/** The text of a JSON object's members, without braces. */
export function membersOf(members: readonly Member[]): (line: RequestLine) => string {
  const inner = new Map<string, Member[]>();
  for (const [name, value] of members) {
    const [first, ...more] = name.split('.') as [string, ...string[]];
    const group = inner.get(first) ?? [];
    inner.set(first, [...group, [more.join('.'), value]]);
  }
  const parts = [...inner].map(([name, group]) => [`"${name}":`, groupText(group)] as const);
  return (line) => {
    let text = '';
    for (const [key, value] of parts) {
      const shown = value(line);
      if (shown !== null) text += text === '' ? key + shown : `,${key}${shown}`;
    }
    return text;
  };
}

function groupText(group: readonly Member[]): ValueText {
  const [only] = group;
  if (group.length === 1 && only?.[0] === '') return only[1];
  const members = membersOf(group);
  return (line) => {
    const text = members(line);
    return text === '' ? null : `{${text}}`;
  };
}

/** Printable ASCII but for the quote and the backslash: what JSON takes as it is. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A text within quotes, without them. */
export function escaped(text: string): string {
  return plain.test(text) ? text : JSON.stringify(text).slice(1, -1);
}

export function quoted(text: string): string {
  return `"${escaped(text)}"`;
}

export function withoutQuery(path: string): string {
  const query = path.indexOf('?');
  return query === -1 ? path : path.slice(0, query);
}

/** Formats times as ISO 8601; all but the milliseconds is kept for as long as the second lasts. */
export class IsoTimes {
  #second = Number.NaN;
  #prefix = '';

  of(wallMs: number): string {
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = new Date(second * 1000).toISOString().slice(0, 20);
    }
    return `${this.#prefix}${String(Math.floor(wallMs - second * 1000)).padStart(3, '0')}Z`;
  }
}
