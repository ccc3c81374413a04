/** An identity provider on loopback: keys of its own, tokens that it signs, and the set of its keys for whoever asks. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { base64url, type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';
import { listening } from './ports.ts';

export interface ProviderKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function newKey(kid: string, alg = 'ES256'): Promise<ProviderKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** Signs what is said, and nothing more. */
export function sign(key: ProviderKey, claims: JWTPayload, header: Record<string, unknown> = {}): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}

/** The order n of P-256 (SEC 2, 2.4.2). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The same token with its signature written in another way. */
export const respelled = {
  /** (r, n − s), which is as valid for ECDSA as (r, s). */
  mirrored: (es256: string): string => {
    const [signed, signature] = parts(es256);
    const hex = Buffer.from(base64url.decode(signature)).toString('hex');
    const s = (order - BigInt(`0x${hex.slice(64)}`)).toString(16).padStart(64, '0');
    return `${signed}.${base64url.encode(Buffer.from(hex.slice(0, 64) + s, 'hex'))}`;
  },
  /** A bit changed in the last character that stands for nothing (RFC 4648, 3.5). */
  spareBit: (token: string): string => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    return token.slice(0, -1) + alphabet[alphabet.indexOf(token.slice(-1)) ^ 1];
  },
  padded: (token: string): string => `${token}==`,
};

function parts(token: string): [signed: string, signature: string] {
  const dot = token.lastIndexOf('.');
  return [token.slice(0, dot), token.slice(dot + 1)];
}

export interface Provider extends AsyncDisposable {
  readonly url: string;
  /** What it shows. */
  keys: readonly ProviderKey[];
  /** How often it was asked. */
  readonly asked: number;
  /** Answers in its own way in place of showing the keys; null: shows them. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | null;
}

export async function startProvider(...keys: ProviderKey[]): Promise<Provider> {
  let asked = 0;
  const server = createServer((request, response) => {
    asked += 1;
    if (provider.answer !== null) provider.answer(request, response);
    else response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: jwks() }));
  });
  const jwks = (): JWK[] => provider.keys.map(({ jwk }) => jwk);
  const provider: Provider = {
    url: `http://127.0.0.1:${await listening(server)}/keys`,
    keys,
    get asked() {
      return asked;
    },
    answer: null,
    async [Symbol.asyncDispose]() {
      const closed = server[Symbol.asyncDispose]();
      server.closeAllConnections();
      await closed;
    },
  };
  return provider;
}
