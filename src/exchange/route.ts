/** Which endpoint class a request belongs to, who answers it, and who may ask for it. */

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

/**
 * Who may use an endpoint: anybody with Basic credentials in hand, a token, an admin's token, or the API key as well.
 */
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
