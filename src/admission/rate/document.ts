/** The JSON document in a request's body, for limits that go by what stands there. */
import { bufferOf, isInMemory } from '../../exchange/bodies.ts';
import type { Collected } from '../../exchange/exchange.ts';
import { isPlainJson } from '../../http/media-type.ts';
import { readDocument } from '../../http/pointer.ts';

/** The largest body that is read for its values, bytes. */
const documentMaxBytes = 1_048_576;

/** Each body is read once, however many limits look into it. */
const documents = new WeakMap<Collected, unknown>();

/** Undefined: the body is none that can be read. */
export function documentOf(exchange: Collected): unknown {
  if (documents.has(exchange)) return documents.get(exchange);
  const document = parsed(exchange);
  documents.set(exchange, document);
  return document;
}

function parsed({ body, fields }: Collected): unknown {
  if (body === null || !isInMemory(body) || body.length > documentMaxBytes) return undefined;
  return isPlainJson(fields) ? readDocument(bufferOf(body).toString()) : undefined;
}
