/** Route: which endpoint class a request belongs to, and who answers it. */
import type { Received, Routed } from '../model/exchange.ts';
import { routed } from '../model/exchange.ts';
import { routeOf } from '../model/routes.ts';

export function route(exchange: Received): Routed {
  return routed(exchange, routeOf(exchange.path));
}
