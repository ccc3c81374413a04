/** Which endpoint class a request belongs to, who answers it, and who may ask for it. */

/** A set of endpoints that share one limit, by its name in the configuration. */
export type EndpointClass = string;

/** What the name of a class may be. */
export const classForm = /^[A-Za-z][A-Za-z0-9-]{0,63}$/;

/** The class of every request that no other class takes. */
export const defaultClass: EndpointClass = 'default';

/**
 * Who may use an endpoint: anybody with Basic credentials in hand, a token, an admin's token, or the API key as well.
 */
export type Access = 'login' | 'user' | 'admin' | 'monitoring';

export type Route =
  | { readonly by: 'coreapp'; readonly class: EndpointClass; readonly access: Access }
  | {
      readonly by: 'weir';
      /** What it counts as in metrics and log. */
      readonly class: string;
      readonly access: Access;
      /** One of the profile's own (`profiles/<api>/`). */
      readonly endpoint: string;
      /** The user that the path names, decoded; null: it names none. */
      readonly username: string | null;
    };

export type RouteClass = Route['class'];
