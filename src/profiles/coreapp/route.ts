/** Route: which endpoint class a request belongs to, and who answers it. */
import type { Received, Routed } from '../../exchange/exchange.ts';
import { routed } from '../../exchange/exchange.ts';
import { createRouter } from './routes.ts';

export type RouteStage = (exchange: Received) => Routed;

/**
 * @param adminPaths what needs the admin, besides for users
 * @param caseSensitive the Coreapp tells paths apart that differ in case only
 */
export function createRoute(adminPaths: readonly string[], caseSensitive = false): RouteStage {
  const routeOf = createRouter(adminPaths, caseSensitive);
  return (exchange) => routed(exchange, routeOf(exchange.path));
}
