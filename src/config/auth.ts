/** The settings under `auth`: who may use what, and how callers show who they are. */
import { z } from 'zod';
import { classForm } from '../exchange/route.ts';
import { jwt } from './jwt.ts';
import { apiKeys, formed, passableField, password, routePath, whole } from './kinds.ts';
import { fileFor } from './listen.ts';
import { section, setting } from './setting.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

export const adminPathWords =
  'a list of paths such as /v1/settings/application: letters, digits and -._~ between slashes, none at the end';

export const auth = section({
  apiKey: setting(apiKeys().nullable().default(null), {
    description:
      'The key that monitoring sends as Authorization: Apikey … for health, metrics and stats. Several are valid side by side, so that one can replace another. Not set: none is valid.',
    wanted:
      '12 to 128 characters (visible ASCII, no spaces), or up to 8 such keys: a list, or with white space between them',
    wantedOfOne: '12 to 128 characters (visible ASCII, no spaces)',
    env: 'WA_API_KEY',
    secret: true,
  }),
  apiKeyFile: fileFor('auth.apiKey', 'WA_API_KEY_FILE'),
  adminPassword: setting(password().nullable().default(null), {
    description:
      'The password of the user admin. Not set: it is "secret" until the first login, which has to bring a new one.',
    wanted: '8 to 64 characters with a digit, an upper-case letter, a lower-case letter and a special character',
    env: 'WEIR_ADMIN_PASSWORD',
    secret: true,
  }),
  adminPasswordFile: fileFor('auth.adminPassword', 'WEIR_ADMIN_PASSWORD_FILE'),
  adminPaths: setting(z.array(routePath()).max(100).default([]), {
    description:
      'What only admins may use, each path with all that is below it. In the profile coreapp: [/v1/settings/application], and creating and changing other users is the admin’s always.',
    wanted: adminPathWords,
  }),
  tokenLifetimeMs: setting(whole(1_000, 366 * 24 * hourMs).default(7 * 24 * hourMs), {
    description: 'How long a token is valid after its login; 604800000 is the 7 days that clients expect.',
  }),
  tokensPerUserMax: setting(whole(1, 100_000).default(1_000), {
    description: 'Most valid tokens of one user, from that many logins. With one more login the oldest token ends.',
  }),
  tokenMemoryMs: setting(whole(0, minuteMs).default(5_000), {
    description:
      'How long a replica takes a token for valid without asking Redis. A revocation reaches all replicas at once; if its message is lost, it counts after this time.',
  }),
  tokenMemoryMax: setting(whole(1, 1_000_000).default(10_000), {
    description:
      'Most tokens in the cache of a replica; about 500 bytes each. With one more, the one that was confirmed longest ago leaves it, first among users with many tokens, and is asked about again.',
  }),
  storeAwayGraceMs: setting(whole(0, 24 * hourMs).default(10 * minuteMs), {
    description:
      'While Redis is away: how long a token goes on being valid after Redis has confirmed it last. All others get 503. If one replica alone is cut off, it goes on in the same way, whatever the others revoke.',
  }),
  jwt,
  keyField: setting(passableField().nullable().default(null), {
    description:
      'A field in which callers may bring their token, or the API key, in the place of Authorization. It never travels on. Not set: none.',
    wanted: 'the name of a field that Weir does not write itself, such as X-API-Key',
  }),
  keyParameter: setting(
    formed(/^[\w.~-]{1,64}$/)
      .nullable()
      .default(null),
    {
      description:
        'A parameter of the query in which callers may bring their token as well, such as access_token. It never travels on. Not set: none.',
      wanted: 'the name of a parameter, such as access_token',
    },
  ),
  may: setting(z.record(formed(/^\S{1,256}$/), z.array(formed(classForm)).max(1_000)).default({}), {
    description:
      'The classes that single users may use, by user name; those of an identity provider are called jwt:<name>. Whoever is not named may use all. Others get 403.',
    wanted: 'a list of classes for each user, such as { crm: [messages, contacts] }',
  }),
  open: setting(z.boolean().default(false), {
    description:
      'Whether anybody may use what needs no admin, without a token: for a sidecar, whose port only its own pod reaches. Callers are told apart by their addresses, and their own Authorization goes to the upstream, unless Weir has one for it. Only on a loopback address.',
  }),
  openToAll: setting(z.boolean().default(false), {
    description: 'True: auth.open counts on any address, so that whoever reaches the port may use the upstream.',
  }),
});
