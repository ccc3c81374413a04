/**
 * The one source of what can be configured: types, defaults, bounds, descriptions, environment variables; those of
 * limits are in `src/admission/limits.ts`. `config/weir.schema.json` and `docs/reference/configuration.md` are
 * generated from it (`node scripts/generate.ts`), and a test holds `config/weir.yaml` against it. Units are in the
 * names; sizes are bytes, durations milliseconds.
 */
import { z } from 'zod';
import { pushMaxUs } from '../admission/rate/slots.ts';
import { classForm } from '../exchange/route.ts';
import { auth } from './auth.ts';
import { bodies } from './bodies.ts';
import { cors } from './cors.ts';
import {
  authority,
  basePath,
  bodyPointer,
  credentialKey,
  explainPort,
  fieldName,
  fieldValue,
  filePath,
  filled,
  formed,
  network,
  origin,
  passableField,
  passableOrAuthorization,
  redisUrl,
  redisWord,
  secretText,
  whole,
} from './kinds.ts';
import { limits } from './limits.ts';
import { line } from './line.ts';
import { fileFor, listen, ops, pemFile } from './listen.ts';
import { log } from './log.ts';
import { isTarget, readRedisUrl } from './redis-url.ts';
import { section, setting } from './setting.ts';
import { heed, throttled } from './signals.ts';
import { workers } from './workers.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** What a connection to another server may need where it is TLS. */
const peerTls = (peer: string, url: string) => ({
  caFile: pemFile(
    `PEM certificates of the authorities that may have issued ${peer}’s. Not set: the usual public ones. Only with ${url}.`,
  ),
  certFile: pemFile(`PEM certificate that Weir shows to ${peer}, where it asks for one; intermediate ones after it.`),
  keyFile: pemFile('The private key of certFile, without a passphrase.'),
});

export const profileNames = ['coreapp', 'cloud', 'none'] as const;
export type ProfileName = (typeof profileNames)[number];

const profile = setting(z.enum(profileNames).default('coreapp'), {
  description:
    'Which API is behind Weir. coreapp: the WhatsApp Business API, whose logins Weir answers itself. cloud: the Cloud API. none: any other, of whose paths Weir takes none. weir profile NAME shows what each begins with.',
  env: 'WEIR_PROFILE',
});

const coreapp = section({
  url: setting(origin().nullable().default(null), {
    description:
      'Where the Coreapp is. Not set: a simulator is started in this process, to try Weir out; not with NODE_ENV=production.',
    wanted: 'an http or https origin such as http://coreapp:9090, without path, query or credentials',
    explain: explainPort,
    env: 'COREAPP_URL',
    envToo: 'UPSTREAM_URL',
  }),
  authorization: setting(fieldValue().nullable().default(null), {
    description: 'The Authorization value that Weir itself sends to the Coreapp. The caller’s own never travels on.',
    wanted: 'a scheme and credentials in visible ASCII, at most 8192 characters',
    secret: true,
  }),
  authorizationFile: fileFor('coreapp.authorization'),
  authorizations: setting(z.record(credentialKey(), filePath()).default({}), {
    description:
      'Other values for some requests, each in a file: by class, or by a scope and its value. What fits best goes before coreapp.authorization. A changed file is taken up; one that vanishes or holds no credential changes nothing.',
    wanted:
      'a file for each class or value, such as { messages: /run/secrets/messages, "header:X-Tenant=7": /run/secrets/seven }',
  }),
  authorizationField: setting(passableOrAuthorization().default('Authorization'), {
    description: 'The field in which these values go, such as X-API-Key. A caller’s own of that name never travels on.',
    wanted: 'Authorization, or the name of a field that Weir does not write itself',
  }),
  basePath: setting(basePath().default(''), {
    description:
      'What the path of every request begins with at the upstream. Callers don’t say it, and Location of answers doesn’t.',
    wanted: 'a path such as /api/v2, without a slash at its end',
  }),
  version: setting(
    formed(/^v\d{1,3}(?:\.\d{1,3})?$/)
      .nullable()
      .default(null),
    {
      description:
        'The version that the upstream is asked for: it takes the place of a first segment such as v19.0. Not set: the caller’s own.',
      wanted: 'a version such as v26.0',
    },
  ),
  host: setting(authority().nullable().default(null), {
    description: 'What requests say as Host. Not set: the host of coreapp.url.',
    wanted: 'a host, with a port where it is not the usual one',
  }),
  setFields: setting(z.record(fieldName(), fieldValue()).default({}), {
    description: 'Fields that every request gets, in the place of the caller’s own of that name.',
    wanted: 'a value for each name that Weir does not write itself, such as { X-Tenant: "7" }',
  }),
  removeFields: setting(z.array(fieldName()).max(100).default([]), {
    description: 'Fields of callers that end at Weir.',
    wanted: 'a list of names that Weir does not write itself, such as [Cookie]',
  }),
  setQuery: setting(z.record(z.string().min(1).max(256), z.string().max(1_024)).default({}), {
    description: 'Parameters that the query of every request gets at its end.',
    wanted: 'a value for each name, such as { api-version: "2024-10" }',
  }),
  appSecret: setting(secretText().nullable().default(null), {
    description:
      'The secret of the app whose token goes to the upstream. Set: every request brings appsecret_proof, as the Graph API wants it where the app asks for that.',
    wanted: '1 to 128 characters (visible ASCII, no spaces)',
    secret: true,
  }),
  appSecretFile: fileFor('coreapp.appSecret'),
  urls: setting(z.record(formed(classForm), origin()).default({}), {
    description: 'Classes that have an upstream of their own; TLS settings, timeouts and permits are those of coreapp.',
    wanted: 'an origin for each class, such as { files: "https://files.example.com" }',
  }),
  bodyUrls: setting(z.record(formed(classForm), z.array(bodyPointer()).min(1).max(16)).default({}), {
    description:
      'Where JSON bodies of answers hold a URL of an upstream (coreapp.url, coreapp.urls): callers get Weir’s own address in its place, if that leads to the same upstream. In bodies up to 64 KiB.',
    wanted: 'JSON pointers (RFC 6901) for each class, such as { files: [/url] }',
  }),
  ...peerTls('the Coreapp', 'https://'),
  connectTimeoutMs: setting(whole(10, 10 * minuteMs).default(10_000), {
    description:
      'How long a connection to the Coreapp may take to open; the request is then replayed while it has time.',
  }),
  connectionMaxAgeMs: setting(whole(1_000, 24 * hourMs).default(minuteMs), {
    description:
      'After this age a connection to the Coreapp takes no further request, so that a changed address behind its name is noticed. One without requests is closed after 4 s, or earlier where the Coreapp’s Keep-Alive says so.',
  }),
  answerTimeoutMs: setting(whole(100, hourMs).default(45_000), {
    description: 'How long the Coreapp may take to begin its answer, and may pause within it; then 504.',
  }),
  brokenRepeatsMax: setting(whole(0, 10).default(2), {
    description:
      'How often a request that may be repeated (GET, HEAD, PUT, DELETE, OPTIONS) is sent again after an exchange that broke or timed out once bytes were written, each time after a longer pause. 0: never, its caller gets 502 or 504.',
  }),
  pauseMaxMs: setting(whole(0, pushMaxUs / 1_000).default(5_000), {
    description:
      'The longest pause that Retry-After of a 429 or 503 of the Coreapp may ask for; a longer one is cut to it. 0: it is not heeded.',
  }),
  permitsMin: setting(whole(1, 10_000).default(1), {
    description:
      'How many requests of a class may be in flight at least, even while the Coreapp refuses some. At most permitsMax.',
  }),
  permitsMax: setting(whole(1, 10_000).default(256), {
    description:
      'Most requests in flight at the Coreapp from one replica; each class with hold: false may have 16 more. How many of any other class may be adapts, from 16 on, to what the Coreapp takes.',
  }),
  caseSensitivePaths: setting(z.boolean().default(false), {
    description:
      'Whether the Coreapp tells /v1/Messages and /v1/messages apart. Not set: classes, costs and what needs the admin are found without regard to case.',
  }),
  encodedSlashes: setting(z.boolean().default(false), {
    description:
      'Whether the upstream takes %2F in a path for a part of a name, and never for a slash, as APIs do whose names hold slashes (/projects/group%2Fname). Not set: such a path is refused with 400, since it can be read in two ways. Not with the profile coreapp.',
  }),
  honoursIdempotencyKey: setting(z.array(formed(classForm)).max(1_000).default([]), {
    description:
      'The classes where the Coreapp honours Idempotency-Key: a POST or PATCH with one is sent again after an exchange that broke. In any other class it would be sent twice.',
    wanted: 'a list of classes, those under limits',
  }),
});

const redis = section({
  url: setting(redisUrl().nullable().default(null), {
    description:
      'The Redis that all replicas share: one server, or what Sentinels or the nodes of a cluster lead to. Not set: limits, users and tokens live in this process and end with it.',
    wanted:
      'redis://user:password@redis:6379/0, redis-sentinel://user:password@host:26379,host:26379/0?master=mymaster or redis-cluster://user:password@host:6379,host:6379; rediss://, rediss-sentinel:// and rediss-cluster:// for TLS',
    explain: (text) => {
      const read = readRedisUrl(text);
      return isTarget(read) ? null : read;
    },
    env: 'REDIS_URL',
    secret: true,
  }),
  urlFile: fileFor('redis.url', 'REDIS_URL_FILE'),
  username: setting(redisWord().nullable().default(null), {
    description: 'The user of redis.password, where redis.url names none. Not set: the user default.',
    wanted: '1 to 512 characters in one line',
    env: 'REDIS_USERNAME',
  }),
  password: setting(redisWord().nullable().default(null), {
    description: 'The password for a redis.url that has none, as it is: nothing in it is percent-encoded.',
    wanted: '1 to 512 characters in one line',
    env: 'REDIS_PASSWORD',
    secret: true,
  }),
  passwordFile: fileFor('redis.password', 'REDIS_PASSWORD_FILE'),
  ...peerTls('Redis', 'rediss://'),
  keyPrefix: setting(filled(/^[!-~]{1,64}$/).default('weir:'), {
    description: 'What every key in Redis begins with. Replicas with the same prefix share limits, users and tokens.',
    wanted: '1 to 64 characters (visible ASCII, no spaces)',
  }),
  callTimeoutMs: setting(whole(5, 10_000).default(50), {
    description: 'How long Redis may take to answer before a replica goes on alone with its share of the limits.',
  }),
  replicasAtLeast: setting(whole(1, 1_000).default(1), {
    description:
      'How many replicas there are at least. They count one another in Redis. A replica that starts while Redis is away has not seen it yet, and takes this number for its share of the limits.',
  }),
});

const http = section({
  fieldsMaxBytes: setting(whole(1_024, 2 ** 20).default(16_384), {
    description: 'Most bytes of header fields in a request; more is answered 431.',
  }),
  headTimeoutMs: setting(whole(100, 10 * minuteMs).default(10_000), {
    description: 'How long a request may take to send its header fields; then 408.',
  }),
  bodyIdleTimeoutMs: setting(whole(100, 10 * minuteMs).default(30_000), {
    description:
      'How long a caller may pause while it sends a body; then 408. It is also how long a caller may pause while it takes its answer, unless it has saved up more (answerMinBytesPerS).',
  }),
  bodyMinBytesPerS: setting(whole(0, 2 ** 30).default(500), {
    description:
      'The least that a caller must send of a body, averaged over bodyIdleTimeoutMs; else 408. 0: as long as it moves at all.',
  }),
  answerMinBytesPerS: setting(whole(0, 2 ** 30).default(1_000), {
    description:
      'The least that a caller must take of its answer, else it is cut off. What it takes faster it may pause longer later: up to ten times bodyIdleTimeoutMs. 0: as long as it moves at all.',
  }),
  keepAliveTimeoutMs: setting(whole(100, hourMs).default(75_000), {
    description: 'How long an idle connection stays open. Longer than the load balancer in front keeps its own.',
  }),
  connectionsMax: setting(whole(1, 1_000_000).default(10_000), {
    description:
      'Most connections from callers to one replica. One more takes the place of an idle one: of the address that has most, first of those without a valid credential. Below the limit of open files.',
  }),
  connectionsPerAddressMax: setting(whole(1, 1_000_000).nullable().default(null), {
    description:
      'Most of them from one address (of IPv6 a /64), trustedProxies apart. Not set: nine tenths of what other addresses leave; that bound holds in any case. Behind trustedProxies: most requests under way from one address.',
  }),
  connectionMaxRequests: setting(whole(1, 1_000_000_000).nullable().default(null), {
    description:
      'Most requests on one connection of a caller; the last answer closes it, so that its caller looks for a replica anew. Not set: any number.',
  }),
  tunnelsMax: setting(whole(0, 1_000_000).default(1_000), {
    description:
      'Most WebSocket connections through one replica, including those that are being asked for; further ones get 503. One caller may have nine tenths of what others leave.',
  }),
  serverTiming: setting(z.boolean().default(true), {
    description:
      'Whether answers tell in Server-Timing how long the request was in line (hold) and at the Coreapp (coreapp), milliseconds.',
  }),
  traceContext: setting(z.enum(['auto', 'join', 'pass']).default('auto'), {
    description:
      'What becomes of traceparent and tracestate. join: Weir goes on with the trace of its caller, or begins one, and is the parent of the upstream’s spans. pass: the fields travel on as they came. auto: join where spans are sent (OTEL_EXPORTER_OTLP_ENDPOINT), else pass.',
  }),
  holdField: setting(z.boolean().default(false), {
    description:
      'Whether answers tell in X-Weir-Hold how long the request was in line, in whole milliseconds, in which class, and how often it was sent: 1240;class="messages";attempts=2.',
  }),
  trustedProxies: setting(z.array(network()).max(1_000).default([]), {
    description:
      'Whose X-Forwarded-For, -Proto and -Host are believed: the load balancers in front. They have to overwrite ' +
      'X-Forwarded-For or append to it; Forwarded is not read.',
    wanted: 'a list of IP addresses or networks, such as [10.0.0.0/8, "fd00::/8"]',
  }),
  passFields: setting(z.array(passableField()).max(100).default([]), {
    description:
      'Names of request fields that reach the Coreapp from anybody, though they are taken out otherwise: those that only a trusted proxy may say (X-Real-IP, X-HTTP-Method-Override), X-Original-URL and X-Rewrite-URL, and names that an upstream could take for one of Weir’s own (X_Forwarded_For).',
    wanted: 'a list of field names, without those that Weir writes itself, such as [X-Real-IP, X_Request_Id]',
  }),
  cors,
});

const stop = section({
  lameDuckMs: setting(whole(0, 10 * minuteMs).default(3_000), {
    description:
      'At SIGTERM: how long the port stays open while /readyz already says no, so that the balancer notices.',
  }),
  graceMs: setting(whole(0, hourMs).default(35_000), {
    description:
      'How long requests that wait or are in flight may take after that; the rest get 503. At least the longest holdMaxMs.',
  }),
});

/** The whole configuration as a file has it. Every entry has a default, so `{}` is valid. */
export const settingsSchema = z
  .strictObject({
    profile,
    workers,
    listen,
    ops,
    coreapp,
    throttled,
    heed,
    redis,
    auth,
    limits,
    line,
    bodies,
    http,
    log,
    stop,
  })
  .describe('Configuration of Weir.');

export type Settings = z.output<typeof settingsSchema>;
