/** The audit trail: who logged in or changed an account, who was refused, from where, and why. Never a secret. */
import type { AuditReason } from '../exchange/exchange.ts';

/** What is written down. A changed password, a deleted user and revoked tokens end all tokens of the user. */
export type AuditAction =
  | 'login'
  | 'logout'
  | 'user.add'
  | 'user.password'
  | 'user.delete'
  | 'tokens.create'
  | 'tokens.revoke'
  | 'ops.token'
  | 'line.pause'
  | 'line.resume'
  | 'line.limit'
  | 'line.unlimit'
  | 'line.end'
  | 'line.first'
  | 'replica.drain'
  | 'replica.undrain';

export interface AuditLine {
  readonly action: AuditAction;
  readonly outcome: 'done' | 'refused';
  /** Null: it was done. */
  readonly reason: AuditReason | null;
  /**
   * What made it happen: a request, a `weir users` or `weir tokens` command, `auth.adminPassword` at a start, or an
   * operator at the ops port.
   */
  readonly by: 'request' | 'command line' | 'configuration' | 'operator';
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
  /** What an operator has ordered. Not there: it was no order. */
  readonly order?: string;
}
