/** The audit trail: who logged in or changed an account, who was refused, from where, and why. Never a secret. */
import type { RefusalName } from '../exchange/refusals.ts';

/** What is written down. A changed password, a deleted user and revoked tokens end all tokens of the user. */
export type AuditAction = 'login' | 'logout' | 'user.add' | 'user.password' | 'user.delete' | 'tokens.revoke';

/**
 * Why something was refused: as the caller was told, or what only the operator may know. `gone`: the caller hung up
 * before its request was whole. `changedMeanwhile`: the user was changed or deleted while its password was verified.
 */
export type AuditReason =
  | RefusalName
  | 'gone'
  | 'tooManyFailures'
  | 'unknownUser'
  | 'wrongPassword'
  | 'changedMeanwhile';

export interface AuditLine {
  readonly action: AuditAction;
  readonly outcome: 'done' | 'refused';
  /** Null: it was done. */
  readonly reason: AuditReason | null;
  /** What made it happen: a request, a `weir users` or `weir tokens` command, or `auth.adminPassword` at a start. */
  readonly by: 'request' | 'command line' | 'configuration';
  /** Null: no request. */
  readonly requestId: string | null;
  /** Who did it, as `nameOf` says; null: nobody that is known. */
  readonly principal: string | null;
  /**
   * Whom it concerns; null: nobody that is known. The name that a login gives is told only where there is such a user,
   * since people type passwords into its place.
   */
  readonly user: string | null;
  /** The caller's address; null: no request. */
  readonly remote: string | null;
}

/** What an endpoint learns on the way that the audit trail has to say. */
export interface AuditNote {
  user: string | null;
  reason: AuditReason | null;
  /** A login that brought a new password as well. */
  passwordChanged: boolean;
}
