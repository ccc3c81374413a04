/** Receive: from a request's head to an exchange, or the refusal of one that could be read in two ways. */
import type { Clock } from '../clock.ts';
import { isAuthority } from '../http/authority.ts';
import type { Cors } from '../http/cors.ts';
import { type Fields, fieldOf, fieldsOf } from '../http/fields.ts';
import { cameBack, originOf } from '../http/forwarded.ts';
import { misnamed, type OwnFields } from '../http/own-fields.ts';
import { readTarget } from '../http/target.ts';
import { type Received, received } from './exchange.ts';
import type { RequestHead } from './ports.ts';
import { type Refusal, refuse, refuseMethod } from './refusals.ts';
import type { Trace } from './trace.ts';

interface ReceiveDeps {
  readonly clock: Clock;
  /** Makes a request id. */
  readonly newId: () => string;
  /** The fields that Weir relies on. */
  readonly own: OwnFields;
  /** A path below which Weir answers itself; null: it passes all of them on. */
  readonly guardedPath: string | null;
  /** The upstream takes `%2F` for a part of a name. Not there: it may be a slash. */
  readonly encodedSlashes?: boolean;
  /** True for the addresses of proxies whose `X-Forwarded-*` is believed. */
  readonly trusts: (address: string) => boolean;
  /** What browsers are told; null, or not there: nothing. */
  readonly cors?: Cors | null;
  /** Finds the trace that a request belongs to; takes its fields out where Weir writes them anew. Not there: none. */
  readonly traceOf?: (fields: string[], now: number) => Trace | null;
}

const requestId = /^[\x21-\x7e]{1,128}$/;

export type Receive = (head: RequestHead) => { readonly exchange: Received; readonly refusal: Refusal | null };

export function createReceive(deps: ReceiveDeps): Receive {
  return (head) => {
    const { method, fields } = head;
    const target = readTarget(head.target, method, deps.guardedPath, deps.encodedSlashes);
    const refusal = target.kind === 'malformed' ? refuse(target.refusal, target.why) : headRefusal(head, deps.own);
    if (target.kind === 'target' && target.authority !== null) setHost(fields, target.authority);
    const arrivedAt = deps.clock.now();
    const exchange = received({
      id: idOf(fields) ?? deps.newId(),
      method,
      target: target.kind === 'target' ? target.raw : head.target,
      path: target.kind === 'target' ? target.path : '',
      fields,
      origin: originOf(head.peer, head.secure, fields, deps.trusts),
      arrivedAt,
      cors: deps.cors?.toAnswer(fields) ?? null,
      trace: deps.traceOf?.(fields, arrivedAt) ?? null,
    });
    return { exchange, refusal };
  };
}

function idOf(fields: Fields): string | null {
  const [id] = fieldsOf(fields, 'x-request-id');
  return id !== undefined && requestId.test(id) ? id : null;
}

/** The host that the target names takes the place of the Host field. */
function setHost(fields: string[], authority: string): void {
  for (let i = 0; i < fields.length; i += 2) if (fields[i]?.toLowerCase() === 'host') fields[i + 1] = authority;
}

/** TRACE would show the caller what Weir adds for the Coreapp: its credential (RFC 9110, 9.3.8). */
const notTrace = refuseMethod('GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');

function headRefusal({ method, fields, version }: RequestHead, own: OwnFields): Refusal | null {
  if (version !== '1.1' && version !== '1.0') return refuse('malformed', `HTTP/${version} is not spoken here`);
  if (method === 'TRACE') return notTrace;
  const hosts = fieldsOf(fields, 'host');
  const [host] = hosts;
  if (hosts.length > 1) return refuse('malformed', `${hosts.length} Host fields; exactly one is allowed`);
  if (host === undefined && version === '1.1') return refuse('malformed', 'the Host field is missing');
  if (host !== undefined && !isAuthority(host)) return refuse('malformed', 'the Host field does not name a host');
  if (cameBack(fields, own.via)) return refuse('loop');
  const hop = misnamed(fields, own);
  if (hop !== null) return refuse('malformed', `Connection names ${hop}, which is meant for more than one connection`);
  const codings = fieldOf(fields, 'transfer-encoding');
  if (codings !== null && (version !== '1.1' || codings.toLowerCase() !== 'chunked')) {
    return refuse('malformed', 'the only Transfer-Encoding that is understood is chunked, in HTTP/1.1');
  }
  const expectation = fieldOf(fields, 'expect');
  const known = expectation === null || expectation.toLowerCase() === '100-continue';
  return known ? null : refuse('expectationFailed');
}
