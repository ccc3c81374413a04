/** Roles as the Webapp names them (docs/reference/webapp-contract.md, "Credentials"). */
export type Role = 'ROLE_ADMIN' | 'ROLE_USER';

/** Who the caller turned out to be. `nobody` may only log in: its credentials are in the request, not yet checked. */
export type Principal =
  | { readonly kind: 'user'; readonly name: string; readonly role: Role }
  | { readonly kind: 'key' }
  /** Anybody, where nobody has to say who it is: told apart by its network. */
  | { readonly kind: 'anybody'; readonly from: string }
  /** `from`: its network, where that is asked for. */
  | { readonly kind: 'nobody'; readonly from?: string };

/** The principal in one word: whom the line is fair to, and what the log names. */
export function nameOf(principal: Principal): string {
  switch (principal.kind) {
    case 'user':
      return `user:${principal.name}`;
    case 'key':
      return 'key';
    case 'anybody':
      return `from ${principal.from}`;
    case 'nobody':
      return 'nobody';
  }
}

const callerName = /^(?:user:.|from .|key$|nobody$)/s;

/** Whether a principal can have this name: `nameOf`. */
export const isCallerName = (name: string): boolean => callerName.test(name);

/** The name by which shares of scarce things are counted. Callers that nobody knows yet have one share for each network. */
export function sharerOf(principal: Principal): string {
  return principal.kind === 'nobody' && principal.from !== undefined ? `from ${principal.from}` : nameOf(principal);
}
