/** Route: which endpoint class a request belongs to, and who answers it. */
import type { Received, Routed } from '../model/exchange.ts';
import { routed } from '../model/exchange.ts';
import { createRouter } from '../model/routes.ts';

export type RouteStage = (exchange: Received) => Routed;

/** @param adminPaths what needs the admin, besides for users */
export function createRoute(adminPaths: readonly string[]): RouteStage {
  const routeOf = createRouter(adminPaths);
  return (exchange) => routed(exchange, routeOf(exchange.path));
}
