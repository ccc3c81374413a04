/** An identity provider on loopback: keys of its own, tokens that it signs, and the set of its keys for whoever asks. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

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
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const provider: Provider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    keys,
    get asked() {
      return asked;
    },
    answer: null,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return provider;
}
