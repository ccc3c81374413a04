/** What one side of a TLS connection brings along, as PEM texts. Null: not set. */
export interface TlsMaterial {
  /** Whom to trust, in place of the public authorities. */
  readonly ca: string | null;
  /** Its own certificate, then intermediate ones. There is a key where there is one of these. */
  readonly cert: string | null;
  readonly key: string | null;
}

/** As `node:tls` takes it: what is not set is not there. */
export function contextOptions({ ca, cert, key }: TlsMaterial): { ca?: string; cert?: string; key?: string } {
  return { ...(ca === null ? {} : { ca }), ...(cert === null || key === null ? {} : { cert, key }) };
}
