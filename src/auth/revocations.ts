/**
 * What is told of revocations, whichever replica made them. A message may come late or never; where one may have been
 * lost, `revocationsMissed` says so. Telling again does no harm.
 */
export interface RevocationListener {
  /** The token of this digest has ended. */
  tokenRevoked(digest: string): void;
  /** All tokens of the user have ended. */
  userRevoked(name: string): void;
  revocationsMissed(): void;
}
