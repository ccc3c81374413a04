/**
 * The endpoints of docs/reference/webapp-contract.md, grouped into endpoint classes: "each available API endpoint" has
 * a limit of its own, the class is the group, the method does not matter. An unknown path is the Coreapp's to answer,
 * in the class `default`. Access and class are decided on the widest reading that an upstream may have of a path
 * (`http/paths.ts`).
 */
import { type Access, type EndpointClass, endpointClasses, type Route } from '../../exchange/route.ts';
import { foldedPath, isWithin, nameOfSegment } from '../../http/paths.ts';

const login: Route = { by: 'weir', class: 'users', access: 'login', endpoint: 'login', username: null };
const logout: Route = { by: 'weir', class: 'users', access: 'user', endpoint: 'logout', username: null };
const users: Route = { by: 'weir', class: 'users', access: 'admin', endpoint: 'users', username: null };

/** What monitoring asks the Coreapp for, and the API key opens: exactly these paths, and nothing below them. */
const monitored: ReadonlySet<string> = new Set([
  '/v1/health',
  '/v1/stats/app',
  '/v1/stats/app/internal',
  '/v1/stats/db',
  '/v1/stats/db/internal',
]);

/** The first segment behind `/v1/`, where it is not the class's own name. */
const segmentAliases: Readonly<Record<string, EndpointClass>> = { stickerpacks: 'stickers' };

const knownSegments: readonly (readonly [segment: string, name: EndpointClass])[] = [
  ...endpointClasses.filter((name) => name !== 'default' && name !== 'stickers').map((name) => [name, name] as const),
  ...Object.entries(segmentAliases),
];

/** Where the contract wants the admin, besides for users. */
export const adminPathsDefault: readonly string[] = ['/v1/settings/application'];

/** The route of a path as `readTarget` gives it. `username` segments are percent-decoded where they decode. */
export type RouteOf = (path: string) => Route;

/**
 * @param adminPaths what needs the admin, each with everything below it: paths as `readTarget` gives them.
 *   What is below `/v1/users` has rules of its own, whatever stands here.
 * @param caseSensitive the Coreapp tells `/V1/messages` and `/v1/messages` apart
 */
export function createRouter(adminPaths: readonly string[], caseSensitive = false): RouteOf {
  const admins = adminPaths.map((path) => foldedPath(path, caseSensitive));
  const areas = new Map(knownSegments.map(([segment, name]) => [segment, areaOf(`/v1/${segment}`, name, admins)]));
  const elsewhere = areaOf('/', 'default', admins);
  const metrics = metricsRoute(['/metrics', '/v1/metrics'].some((path) => isWithinAny(path, admins)));
  return (path) => {
    const folded = foldedPath(path, caseSensitive);
    if (folded === '/metrics') return metrics;
    if (!folded.startsWith('/v1/')) return routeIn(elsewhere, path, folded);
    const slash = folded.indexOf('/', 4);
    const segment = slash === -1 ? folded.slice(4) : folded.slice(4, slash);
    if (segment === 'users') return usersRoute(behindUsers(path));
    if (folded === '/v1/metrics') return metrics;
    return routeIn(areas.get(segment) ?? areas.get(nameOfSegment(segment)) ?? elsewhere, path, folded);
  };
}

/** What follows `/v1/users/`, in the case it came in; however that is written, it is two segments. */
function behindUsers(path: string): string {
  const third = path.indexOf('/', path.indexOf('/', 1) + 1);
  return third === -1 ? '' : path.slice(third + 1);
}

/** The paths of one class, and which of them need the admin. */
interface Area {
  readonly route: Route;
  readonly adminRoute: Route;
  /** Empty: none of them. */
  readonly adminPaths: readonly string[];
  /** Null: nothing here is for monitoring. */
  readonly monitoringRoute: Route | null;
}

function areaOf(base: string, name: EndpointClass, adminPaths: readonly string[]): Area {
  const of = (access: Access): Route => ({ by: 'coreapp', class: name, access });
  const adminRoute = of('admin');
  if (isWithinAny(base, adminPaths)) return { route: adminRoute, adminRoute, adminPaths: [], monitoringRoute: null };
  const monitoringRoute = name === 'health' || name === 'stats' ? of('monitoring') : null;
  const within = adminPaths.filter((path) => isWithin(path, base));
  return { route: of('user'), adminRoute, adminPaths: within, monitoringRoute };
}

function routeIn(area: Area, path: string, folded: string): Route {
  if (area.adminPaths.length > 0 && isWithinAny(folded, area.adminPaths)) return area.adminRoute;
  if (area.monitoringRoute === null || !monitored.has(folded)) return area.route;
  // The key opens a path only if everybody reads it as one of these, not if only the most lenient upstream would.
  return path.toLowerCase() === folded ? area.monitoringRoute : area.route;
}

function isWithinAny(path: string, bases: readonly string[]): boolean {
  for (const base of bases) if (isWithin(path, base)) return true;
  return false;
}

function metricsRoute(needsAdmin: boolean): Route {
  const access = needsAdmin ? 'admin' : 'monitoring';
  return { by: 'weir', class: 'metrics', access, endpoint: 'metrics', username: null };
}

function usersRoute(rest: string): Route {
  switch (rest) {
    case '':
      return users;
    case 'login':
      return login;
    case 'logout':
      return logout;
    default:
      return { by: 'weir', class: 'users', access: 'user', endpoint: 'user', username: decoded(rest) };
  }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment; // No user name holds a stray percent sign, so it names nobody.
  }
}
