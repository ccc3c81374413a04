/**
 * JSON Web Tokens (RFC 7519, 8725) of one identity provider: signed by the provider that we trust, meant for us, and
 * valid now.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import type { TokenRecord } from '../../auth/accounts.ts';
import { hasHidden } from '../../auth/hidden.ts';
import { type JwtCheck, StoreAway } from '../../auth/ports.ts';
import type { Clock } from '../../clock.ts';
import type { Role } from '../../exchange/principal.ts';
import type { Log } from '../../observe/ports.ts';
import { type KeysOptions, ProviderKeys } from './keys.ts';
import type { KeySource } from './source.ts';

export interface JwtCheckOptions extends KeysOptions {
  readonly issuer: string;
  /** A token's `aud` has to name it. */
  readonly audience: string;
  /** What its header `typ` has to be, in any case and with or without `application/`; null: anything, or nothing. */
  readonly typ: string | null;
  /** JWS names of asymmetric algorithms: `ES256`. No other is looked at. */
  readonly algorithms: readonly string[];
  /** How far the provider's clock may be off. */
  readonly clockToleranceMs: number;
  /** The claim that names the user. */
  readonly userClaim: string;
  /** The claim that tells roles, as text or a list; null: nobody is an admin. `a.b` is also `b` inside of `a`. */
  readonly roleClaim: string | null;
  /** Values in it that make an admin. */
  readonly adminValues: readonly string[];
}

/** The name of a provider's user begins with this: no name of Weir's own holds a colon. */
const userPrefix = 'jwt:';
const userMaxChars = 128;

/** Three texts with dots between (RFC 7515, 3.1): no token of Weir's own has a dot. jose judges what is in them. */
function hasCompactForm(text: string): boolean {
  const first = text.indexOf('.');
  const second = text.indexOf('.', first + 1);
  const end = text.length - 1;
  return first > 0 && second > first + 1 && second < end && text.indexOf('.', second + 1) === -1;
}

export function createJwtCheck(source: KeySource, options: JwtCheckOptions, clock: Clock, log: Log): JwtCheck {
  const { issuer, audience, typ, algorithms, clockToleranceMs } = options;
  const keys = new ProviderKeys(source, options, clock, log);
  const faults = new Set<string>();

  const refused = (error: unknown): undefined => {
    const reason = error instanceof Error ? error.message : String(error);
    if (error instanceof errors.JOSEError || error instanceof BadToken) {
      log.debug('a token of the identity provider is refused', { reason });
    } else if (faults.size < 100 && !faults.has(reason)) {
      faults.add(reason); // A key that is of no use, such as a short one: each kind of fault is told once.
      log.warn('a token of the identity provider could not be verified', { reason });
    }
  };

  return {
    couldBe: hasCompactForm,
    async check(text) {
      try {
        const { payload } = await jwtVerify(text, (header, token) => keys.find(header, token), {
          issuer,
          audience,
          ...(typ === null ? {} : { typ }),
          algorithms: [...algorithms],
          requiredClaims: ['exp'],
          clockTolerance: clockToleranceMs / 1_000,
          currentDate: new Date(clock.wallMs()),
        });
        if (!hasPlainSignature(text)) throw new BadToken('the signature is not base64url as RFC 7515 writes it');
        return recordOf(payload, options);
      } catch (error) {
        if (error instanceof StoreAway) throw error;
        return refused(error);
      }
    },
  };
}

class BadToken extends Error {}

/** One way to write it (RFC 4648, 3.5): decoders overlook padding and spare bits. */
function hasPlainSignature(text: string): boolean {
  const signature = text.slice(text.lastIndexOf('.') + 1);
  return Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

function recordOf(payload: JWTPayload, options: JwtCheckOptions): TokenRecord {
  const user = payload[options.userClaim];
  if (typeof user !== 'string') throw new BadToken(`the claim ${options.userClaim} is missing or no text`);
  if (user.length === 0 || user.length > userMaxChars || hasHidden(user)) {
    throw new BadToken(`the claim ${options.userClaim} must have 1 to ${userMaxChars} characters, all of them visible`);
  }
  return {
    user: userPrefix + user,
    role: roleOf(payload, options),
    // From then on it would be refused.
    expiresAtMs: (payload.exp as number) * 1_000 + options.clockToleranceMs,
  };
}

function roleOf(payload: JWTPayload, { roleClaim, adminValues }: JwtCheckOptions): Role {
  const told = roleClaim === null ? undefined : claimAt(payload, roleClaim);
  // A text may hold several, as `scope` does (RFC 8693, 4.2).
  const values = typeof told === 'string' ? [told, ...told.split(' ')] : Array.isArray(told) ? told : [];
  return values.some((value) => adminValues.includes(value as string)) ? 'ROLE_ADMIN' : 'ROLE_USER';
}

/** Names of claims may hold dots themselves, so the whole name goes first. */
function claimAt(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const key of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}
