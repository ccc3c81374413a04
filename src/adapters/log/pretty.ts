/** For people at a terminal: one line a request, local time, colours where the terminal has them. Not for programs. */
import { styleText } from 'node:util';
import { nameOf } from '../../exchange/principal.ts';
import { tenths } from '../../exchange/server-timing.ts';
import type { RequestLine } from '../../observe/request-line.ts';
import { summary } from './ecs.ts';
import { errorOf, type ShownError } from './errors.ts';
import type { EventLevel, Format } from './format.ts';

type Style = Parameters<typeof styleText>[0];

const levelStyles: Readonly<Record<EventLevel, Style>> = { debug: 'dim', info: 'green', warn: 'yellow', error: 'red' };

/** @param worker as in `FormatOptions` */
export function prettyFormat(colours: boolean, worker: number | null): Format {
  const styled = (style: Style, text: string): string =>
    colours ? styleText(style, text, { validateStream: false }) : text;
  const ofWorker = worker === null ? '' : ` ${styled('dim', `#${worker}`)}`;
  const begin = (level: EventLevel, wallMs: number): string =>
    `${styled('dim', localTime(wallMs))} ${styled(levelStyles[level], level.toUpperCase().padEnd(5))}${ofWorker}`;
  const more = (fields: Readonly<Record<string, unknown>>): string => {
    const shown = Object.entries(fields).map(([name, value]) => `${name}=${valueShown(value)}`);
    return shown.length === 0 ? '' : `  ${styled('dim', shown.join(' '))}`;
  };
  return {
    request(line, level, wallMs) {
      const answer = styled(statusStyle(line), printable(summary(line)));
      return `${begin(level, wallMs)} ${answer}  ${printable(whose(line))}  ${times(line)}${more(odd(line))}\n`;
    },
    audit({ action, outcome, ...fields }, wallMs) {
      const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
      return `${begin('info', wallMs)} ${styled('cyan', `audit: ${action} ${outcome}`)}${more(known)}\n`;
    },
    event(level, message, fields, wallMs) {
      const { error, others } = errorOf(fields);
      return `${begin(level, wallMs)} ${printable(message)}${more(others)}\n${error === null ? '' : stackOf(error)}`;
    },
  };
}

/** `12:01:02.345` */
function localTime(wallMs: number): string {
  const at = new Date(wallMs);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
  return `${time}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

function statusStyle({ status }: RequestLine): Style {
  if (status >= 500) return 'red';
  return status >= 400 ? 'yellow' : 'green';
}

function whose({ principal, class: name }: RequestLine): string {
  return principal === null ? name : `${nameOf(principal)} ${name}`;
}

function times({ totalMs, heldMs, coreappMs, attempts }: RequestLine): string {
  const parts = [
    heldMs > 0 ? `${tenths(heldMs)} in line` : '',
    attempts > 0 ? `${tenths(coreappMs)} upstream` : '',
    attempts > 1 ? `${attempts} attempts` : '',
  ].filter((part) => part !== '');
  return `${tenths(totalMs)} ms${parts.length === 0 ? '' : ` (${parts.join(', ')})`}`;
}

/** What is unusual about the request, and what helps to find it again. */
function odd({ refusal, cut, id, remote, traceId }: RequestLine): Readonly<Record<string, unknown>> {
  return {
    ...(refusal !== null && { refusal }),
    ...(cut !== null && { cut }),
    remote,
    requestId: id,
    ...(traceId !== null && { trace_id: traceId }),
  };
}

function valueShown(value: unknown): string {
  const text =
    typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : (JSON.stringify(value) ?? 'undefined');
  return printable(text);
}

function stackOf({ stack, type, message }: ShownError): string {
  const lines = (stack === '' ? `${type}: ${message}` : stack).split('\n');
  return `${lines.map((line) => `    ${printable(line)}`).join('\n')}\n`;
}

/** Characters that a terminal acts on, and those that turn the direction of a text. */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** What callers say must not steer the terminal. */
function printable(text: string): string {
  return text.replace(unprintable, (char) => `\\u{${(char.codePointAt(0) as number).toString(16)}}`);
}
