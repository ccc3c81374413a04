import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../../auth/ports.ts';

const tokenBytes = 32;
const tokenChars = 43;

/** Of this process alone, and gone with it. */
const markKey = randomBytes(32);

/** Node's own random and SHA-256. `crypto.hash` is the cheapest digest of a short text: about 0.3 µs. */
export const nodeSecrets: Secrets = {
  token: () => randomBytes(tokenBytes).toString('base64url'),
  couldBeToken: (text) => text.length === tokenChars,
  digest: (text) => hash('sha256', text),
  mark: (text) => createHmac('sha256', markKey).update(text).digest('base64url'),
  same(digestA, digestB) {
    const a = Buffer.from(digestA, 'latin1');
    const b = Buffer.from(digestB, 'latin1');
    return a.length === b.length && timingSafeEqual(a, b);
  },
};
