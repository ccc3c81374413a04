/** Weir's own answers as values. */
import { envelope } from './envelope.ts';
import type { Fields } from '../../exchange/exchange.ts';

export interface Page {
  readonly kind: 'page';
  readonly status: number;
  /** Fields of its own; the answering stage adds the ones that every answer has. */
  readonly fields: Fields;
  readonly body: string;
}

/** A payload in the envelope of docs/webapp-contract.md, "Answers". */
export function page(status: number, payload: Readonly<Record<string, unknown>>): Page {
  return { kind: 'page', status, fields: [], body: envelope(payload) };
}
