/**
 * The endpoints of the contract, grouped into endpoint classes: "each available API endpoint" has a limit of its own,
 * the class is the group, the method does not matter. An unknown path is the Coreapp's to answer, in the class `default`.
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
const metrics: Route = { by: 'weir', class: 'metrics', access: 'monitoring', endpoint: 'metrics', username: null };

/** Access by class, where it isn't any user's: the contract's documented default. */
const accessOf: Partial<Record<EndpointClass, Access>> = { health: 'monitoring', stats: 'monitoring' };

const byClass = new Map<EndpointClass, Route>(
  endpointClasses.map((name) => [name, { by: 'coreapp', class: name, access: accessOf[name] ?? 'user' }]),
);
const applicationSettings: Route = { by: 'coreapp', class: 'settings', access: 'admin' };

/** The first segment behind `/v1/`, where it is not the class's own name. */
const segmentAliases: Readonly<Record<string, EndpointClass>> = { stickerpacks: 'stickers' };

const knownSegments = new Map<string, EndpointClass>([
  ...endpointClasses.filter((name) => name !== 'default' && name !== 'stickers').map((name) => [name, name] as const),
  ...Object.entries(segmentAliases),
]);

/** The route of a path as `readTarget` gives it. `username` segments are percent-decoded where they decode. */
export function routeOf(path: string): Route {
  if (path === '/metrics') return metrics;
  if (!path.startsWith('/v1/')) return coreapp('default');
  const slash = path.indexOf('/', 4);
  const segment = slash === -1 ? path.slice(4) : path.slice(4, slash);
  if (segment === 'users') return usersRoute(slash === -1 ? '' : path.slice(slash + 1));
  if (path === '/v1/metrics') return metrics;
  if (path === '/v1/settings/application' || path.startsWith('/v1/settings/application/')) return applicationSettings;
  return coreapp(knownSegments.get(segment) ?? 'default');
}

function coreapp(name: EndpointClass): Route {
  return byClass.get(name) as Route;
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
