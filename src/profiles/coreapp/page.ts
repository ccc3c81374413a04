import type { Page } from '../../exchange/outcome.ts';
import { envelope } from './envelope.ts';

/** A payload in the envelope of docs/reference/webapp-contract.md, "Answers". */
export function page(status: number, payload: Readonly<Record<string, unknown>>): Page {
  return { kind: 'page', status, fields: [], body: envelope(payload) };
}
