/** Users and tokens as stores tell of them. */
import type { Role } from '../exchange/principal.ts';

/** What is told of a user: the hash is in PHC string form, never the password. */
export interface NewUser {
  readonly name: string;
  readonly role: Role;
  readonly passwordHash: string;
  /** True until the first login has brought a new password (docs/reference/webapp-contract.md, "Credentials"). */
  readonly mustChangePassword: boolean;
}

/** A user as read. */
export interface User extends NewUser {
  /** The store's own mark: it differs after each change, and never repeats. A token belongs to one version. */
  readonly version: string;
}

/** A token as found; it is stored by the SHA-256 of its text, never the text. */
export interface TokenRecord {
  readonly user: string;
  readonly role: Role;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly expiresAtMs: number;
}

/** A token as a list tells of it: nothing that could be sent. */
export interface ListedToken {
  readonly digest: string;
  /** Milliseconds since 1970-01-01 UTC, as is `expiresAtMs`. */
  readonly madeAtMs: number;
  readonly expiresAtMs: number;
  /** What its maker called it; empty: nothing. */
  readonly label: string;
}
