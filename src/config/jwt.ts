/** The settings of an identity provider, whose tokens are taken next to Weir's own. Off until it is named. */
import { z } from 'zod';
import { explainPort, filePath, filled, formed, leadsSomewhere, whole } from './kinds.ts';
import { section, setting } from './setting.ts';

/** Asymmetric ones only: a checker of tokens must not be able to make one, and `none` is no signature. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'],
  ...['EdDSA', 'Ed25519'],
] as const;

const text = () => filled(/^[^\p{C}\s]([^\p{C}]{0,510}[^\p{C}\s])?$/u);

/** Keys that come over a connection that others can tamper with would let anybody in. */
const keysUrl = () =>
  formed(/^(https:\/\/[^/?#@\s]+|http:\/\/(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(\/[^#\s]*)?$/, 2_048).refine(
    leadsSomewhere,
  );

const minuteMs = 60_000;

export const jwt = section({
  issuer: setting(text().nullable().default(null), {
    description:
      'The identity provider whose JSON Web Tokens are taken as bearer tokens, as their claim iss names it. Not set: none is.',
    wanted: 'the provider’s own text, such as https://login.example.com/, to the letter',
  }),
  audience: setting(text().nullable().default(null), {
    description: 'What a token’s claim aud has to name: Weir, as the provider knows it. Set together with issuer.',
    wanted: 'a text such as whatsapp, 1 to 512 characters',
  }),
  typ: setting(text().nullable().default(null), {
    description:
      'What a token’s header typ has to be, where the provider sets one, so that its other tokens (such as ID tokens) are not taken for access tokens. Not set: it is not looked at.',
    wanted: 'a media type such as at+jwt',
  }),
  jwksUrl: setting(keysUrl().nullable().default(null), {
    description:
      'Where the provider’s keys are fetched (JSON Web Key Set). Redirects are not followed. Either this or jwksFile.',
    explain: explainPort,
    wanted: 'an https URL, such as https://login.example.com/.well-known/jwks.json; http on this machine only',
  }),
  jwksFile: setting(filePath().nullable().default(null), {
    description: 'A file with the provider’s keys (JSON Web Key Set). A changed one is taken up at once.',
    wanted: 'the path of a readable file',
  }),
  algorithms: setting(z.array(z.enum(algorithms)).min(1).default(['RS256', 'ES256']), {
    description: 'The signatures that are accepted. Those with a shared secret never are.',
    wanted: `a list of ${algorithms.join(', ')}`,
  }),
  clockToleranceMs: setting(whole(0, 5 * minuteMs).default(10_000), {
    description:
      'How far the provider’s clock may be off: a token is valid this much before its nbf and after its exp.',
  }),
  userClaim: setting(text().default('sub'), {
    description:
      'The claim that names the user. In Weir it is jwt: and that name, so it is never one of Weir’s own users.',
    wanted: 'the name of a claim',
  }),
  roleClaim: setting(text().nullable().default(null), {
    description:
      'The claim that makes admins: a text, a text of several with blanks between, or a list. With a dot it is also the claim inside of a claim (realm_access.roles). Not set: nobody of the provider’s is an admin.',
    wanted: 'the name of a claim',
  }),
  adminValues: setting(z.array(text()).max(100).default([]), {
    description: 'The values of roleClaim that make an admin.',
    wanted: 'a list of texts such as [weir-admin]',
  }),
  cacheMs: setting(whole(1_000, 24 * 60 * minuteMs).default(10 * minuteMs), {
    description:
      'How old keys get before they are fetched anew. A token that names an unknown key makes Weir fetch them, too. While the provider is away, keys go on for auth.storeAwayGraceMs.',
  }),
  timeoutMs: setting(whole(100, minuteMs).default(3_000), {
    description: 'How long the provider may take to send its keys; then 503.',
  }),
});

export type JwtSettings = z.output<typeof jwt>;

/** An identity provider, named in full. */
export type JwtConfig = Readonly<
  Omit<JwtSettings, 'issuer' | 'audience' | 'jwksUrl' | 'jwksFile'> & { issuer: string; audience: string }
> & { readonly keys: { readonly url: string } | { readonly file: string; readonly text: string } };

/** Null: none is named. @param keys what `jwksFile` holds */
export function jwtOf(settings: JwtSettings, keys: string): JwtConfig | null {
  const { issuer, audience, jwksUrl, jwksFile, ...more } = settings;
  if (issuer === null || audience === null) return null;
  if (jwksUrl !== null) return { ...more, issuer, audience, keys: { url: jwksUrl } };
  return jwksFile === null ? null : { ...more, issuer, audience, keys: { file: jwksFile, text: keys } };
}
