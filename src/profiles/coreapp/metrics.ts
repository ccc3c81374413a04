import type { Collected } from '../../exchange/exchange.ts';
import type { Page } from '../../exchange/outcome.ts';
import { type Refusal, refuse } from '../../exchange/refusals.ts';
import type { WebappDeps } from './deps.ts';

/** `GET /v1/metrics[?format=json|prometheus]`: Weir's own figures. */
export async function metrics(exchange: Collected, deps: WebappDeps): Promise<Page | Refusal> {
  const query = exchange.target.indexOf('?');
  const format = new URLSearchParams(query === -1 ? '' : exchange.target.slice(query + 1)).get('format') ?? 'json';
  if (format === 'json' || format === 'prometheus') return await deps.figures(format);
  return refuse('parameterInvalid', 'format must be json or prometheus.');
}
