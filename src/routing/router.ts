/**
 * Which class of the configuration a request belongs to, and who may ask for it. Both are decided on the widest reading
 * that an upstream may have of its path (`http/paths.ts`). What no class takes is in the class `default`.
 */
import { type Received, type Routed, routed } from '../exchange/exchange.ts';
import { type Access, defaultClass, type EndpointClass, type Route } from '../exchange/route.ts';
import { foldedPath, isWithin } from '../http/paths.ts';
import { type Pattern, Patterns } from '../http/patterns.ts';

export interface RoutingRules {
  /** Every pattern with its class. */
  readonly patterns: readonly (readonly [Pattern, EndpointClass])[];
  /** What needs the admin, each path with all that is below it: paths as `readTarget` gives them. */
  readonly adminPaths: readonly string[];
  /** The upstream tells paths apart that differ in case only. */
  readonly caseSensitive: boolean;
  /** Folded paths that the API key opens as well: exactly these, and nothing below them. */
  readonly monitored: ReadonlySet<string>;
}

/** What routes go by. */
type Routable = Pick<Received, 'method' | 'path' | 'fields'>;

export type RouteOf = (request: Routable, folded?: string) => Route;

export type RouteStage = (exchange: Received) => Routed;

export const routeBy =
  (routeOf: RouteOf): RouteStage =>
  (exchange) =>
    routed(exchange, routeOf(exchange));

type RoutesByAccess = Readonly<Record<Exclude<Access, 'login'>, Route>>;

export function createRouter({ patterns, adminPaths, caseSensitive, monitored }: RoutingRules): RouteOf {
  const admins = adminPaths.map((path) => foldedPath(path, caseSensitive));
  const elsewhere = routesOf(defaultClass);
  const ofClass = new Map(patterns.map(([, name]) => [name, routesOf(name)] as const));
  const classes = new Patterns(patterns.map(([pattern, name]) => [pattern, ofClass.get(name) ?? elsewhere] as const));
  return (request, folded = foldedPath(request.path, caseSensitive)) => {
    const { method, fields, path } = request;
    const routes = classes.find({ method, folded, fields }) ?? elsewhere;
    if (isWithinAny(folded, admins)) return routes.admin;
    // The key opens a path only if everybody reads it as one of these, not if only the most lenient upstream would.
    return monitored.has(folded) && path.toLowerCase() === folded ? routes.monitoring : routes.user;
  };
}

function routesOf(name: EndpointClass): RoutesByAccess {
  const of = (access: Access): Route => ({ by: 'coreapp', class: name, access });
  return { user: of('user'), admin: of('admin'), monitoring: of('monitoring') };
}

export function isWithinAny(path: string, bases: readonly string[]): boolean {
  for (const base of bases) if (isWithin(path, base)) return true;
  return false;
}
