/**
 * The endpoints of docs/webapp-contract.md, grouped into endpoint classes: "each available API endpoint" has a limit of
 * its own, the class is the group, the method does not matter. An unknown path is the Coreapp's to answer, in the class
 * `default`.
 */

/** A set of endpoints that share one limit. */
export const endpointClasses = [
  'messages',
  'contacts',
  'media',
  'settings',
  'account',
  'stickers',
  'certificates',
  'services',
  'groups',
  'health',
  'stats',
  'support',
  'default',
] as const;

export type EndpointClass = (typeof endpointClasses)[number];

/** The endpoints that Weir answers itself. */
export type OwnEndpoint = 'login' | 'logout' | 'users' | 'user' | 'metrics';

/** Who may use an endpoint: anybody with Basic credentials in hand, a token, an admin's token, or the API key as well. */
export type Access = 'login' | 'user' | 'admin' | 'monitoring';

export type Route =
  | { readonly by: 'coreapp'; readonly class: EndpointClass; readonly access: Access }
  | {
      readonly by: 'weir';
      readonly class: 'users' | 'metrics';
      readonly access: Access;
      readonly endpoint: OwnEndpoint;
      /** The user that the path names, decoded; only with the endpoint `user`. */
      readonly username: string | null;
    };

export type RouteClass = Route['class'];

const login: Route = { by: 'weir', class: 'users', access: 'login', endpoint: 'login', username: null };
const logout: Route = { by: 'weir', class: 'users', access: 'user', endpoint: 'logout', username: null };
const users: Route = { by: 'weir', class: 'users', access: 'admin', endpoint: 'users', username: null };

/** Access by class, where it isn't any user's: the contract's documented default. */
const accessOf: Partial<Record<EndpointClass, Access>> = { health: 'monitoring', stats: 'monitoring' };

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
 * @param adminPaths what needs the admin, each with everything below it: paths as `readTarget` gives them. What is below
 *   `/v1/users` has rules of its own, whatever stands here.
 */
export function createRouter(adminPaths: readonly string[]): RouteOf {
  const areas = new Map(knownSegments.map(([segment, name]) => [segment, areaOf(`/v1/${segment}`, name, adminPaths)]));
  const elsewhere = areaOf('/', 'default', adminPaths);
  const metrics = metricsRoute(['/metrics', '/v1/metrics'].some((path) => isWithinAny(path, adminPaths)));
  return (path) => {
    if (path === '/metrics') return metrics;
    if (!path.startsWith('/v1/')) return routeIn(elsewhere, path);
    const slash = path.indexOf('/', 4);
    const segment = slash === -1 ? path.slice(4) : path.slice(4, slash);
    if (segment === 'users') return usersRoute(slash === -1 ? '' : path.slice(slash + 1));
    if (path === '/v1/metrics') return metrics;
    return routeIn(areas.get(segment) ?? elsewhere, path);
  };
}

/** The paths of one class, and which of them need the admin. */
interface Area {
  readonly route: Route;
  readonly adminRoute: Route;
  /** Empty: `route` is right for all of them. */
  readonly adminPaths: readonly string[];
}

function areaOf(base: string, name: EndpointClass, adminPaths: readonly string[]): Area {
  const adminRoute: Route = { by: 'coreapp', class: name, access: 'admin' };
  if (isWithinAny(base, adminPaths)) return { route: adminRoute, adminRoute, adminPaths: [] };
  const route: Route = { by: 'coreapp', class: name, access: accessOf[name] ?? 'user' };
  return { route, adminRoute, adminPaths: adminPaths.filter((path) => isWithin(path, base)) };
}

function routeIn(area: Area, path: string): Route {
  return area.adminPaths.length > 0 && isWithinAny(path, area.adminPaths) ? area.adminRoute : area.route;
}

function isWithinAny(path: string, bases: readonly string[]): boolean {
  for (const base of bases) if (isWithin(path, base)) return true;
  return false;
}

/** The base itself, or a path below it; `/v1/settings` is not within `/v1/set`. */
export function isWithin(path: string, base: string): boolean {
  if (base === '/' || path === base) return true;
  return path.startsWith(base) && path.charCodeAt(base.length) === 0x2f;
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
