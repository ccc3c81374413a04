/**
 * Why Redis does not do what Weir asks, by what it or the network said, and what an operator can do about it. The first
 * row whose sign is found counts.
 */
import { commandIn, isMissing, remedyFor } from './commands.ts';

interface Words {
  /** Found in the error's code and message. */
  readonly sign: RegExp;
  /** What would mend it. */
  readonly remedy: string;
  /** What the end of a connection may look like, one way or another: these are one outage. */
  readonly gone?: true;
  /** Another connection may lead to a server that does it. */
  readonly reconnect?: true;
  /** About one key alone: the others are served. */
  readonly ofKey?: true;
}

const causes = {
  wrongType: {
    sign: /\bWRONGTYPE\b/,
    remedy: 'another program has a key of this name: delete it, or give redis.keyPrefix another value',
    ofKey: true,
  },
  passwordWanted: {
    sign: /\bNOAUTH\b/,
    remedy: 'this Redis wants a password: give redis.url one, such as redis://user:password@redis:6379/0',
  },
  passwordWrong: {
    sign: /\bWRONGPASS\b|invalid password|without any password configured|number of arguments for 'auth'/i,
    remedy: 'look at user and password in redis.url (special characters percent-encoded), and at ACL LIST in Redis',
  },
  commandMissing: {
    sign: isMissing,
    remedy: 'let Weir’s Redis user run what docs/how-to/set-up-redis.md lists (ACL SETUSER, rename-command)',
  },
  notPermitted: {
    sign: /\bNOPERM\b/,
    remedy: 'allow this Redis user what docs/how-to/set-up-redis.md lists (ACL SETUSER), for keys with redis.keyPrefix',
  },
  protectedMode: {
    sign: /\bDENIED\b/,
    remedy: 'Redis takes connections of its own machine only: give it a password or turn protected-mode off',
  },
  clientsMax: {
    sign: /max number of clients/i,
    remedy: 'raise maxclients of Redis: each Weir opens three connections, in a cluster two to each node and one more',
  },
  database: {
    sign: /DB index is out of range/i,
    remedy: 'give redis.url the number of a database that this Redis has, such as /0',
  },
  clusterOff: {
    sign: /cluster support disabled/i,
    remedy: 'this Redis is no cluster: give redis.url the scheme redis://',
  },
  clusterOn: {
    sign: /^ ?(MOVED|ASK|CROSSSLOT)\b|not allowed in cluster mode/i,
    remedy: 'this Redis is a node of a cluster: give redis.url the scheme redis-cluster:// and some of its nodes',
  },
  masterUnknown: {
    sign: /invalid reply: null|No such master/i,
    remedy: 'no Sentinel knows this primary: give master= in redis.url a name that SENTINEL MASTERS shows',
  },
  tooOld: {
    sign: /non deterministic commands|older than Weir needs/,
    remedy: 'use Redis 6.2 or later',
  },
  readOnly: {
    sign: /\bREADONLY\b/,
    remedy: 'this is a replica: let redis.url lead to the primary, or use redis-sentinel://',
    reconnect: true,
  },
  masterDown: {
    sign: /\bMASTERDOWN\b/,
    remedy: 'this is a replica that has lost its primary: let redis.url lead to a primary',
    reconnect: true,
  },
  full: {
    sign: /\bOOM\b/,
    remedy: 'Redis is full: raise its maxmemory, or find what else fills it (maxmemory-policy stays noeviction)',
  },
  diskFails: {
    sign: /\bMISCONF\b/,
    remedy: 'Redis cannot write to its disk and takes no writes: look at its log',
  },
  replicasLag: {
    sign: /\bNOREPLICAS\b/,
    remedy: 'Redis has fewer replicas than its min-replicas-to-write and takes no writes: look at INFO replication',
  },
  busy: {
    sign: /\bBUSY\b/,
    remedy: 'a script of another program holds Redis up: SCRIPT KILL ends it',
  },
  clusterDown: {
    sign: /\bCLUSTERDOWN\b/,
    remedy: 'a part of the cluster has no primary: look at CLUSTER NODES',
  },
  noRedis: {
    sign: /Protocol error|Unknown RESP|report this|not one that Weir’s script gives/i,
    remedy: 'what answers there is no Redis: look at host and port in redis.url',
  },
  noTls: {
    sign: /WRONG_VERSION|wrong version number|PACKET_LENGTH|packet length|EPROTO/i,
    remedy: 'what answers there does not speak TLS: give redis.url the TLS port, or a scheme without the s',
  },
  certificate: {
    sign: /CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME/,
    remedy: 'its certificate is not accepted: name its authority in redis.caFile; the host in redis.url must be in it',
  },
  hostUnknown: {
    sign: /ENOTFOUND|EAI_AGAIN/,
    remedy: 'no such host: look at redis.url and at the DNS',
    gone: true,
  },
  loading: {
    sign: /\bLOADING\b/,
    remedy: 'Redis reads its data and serves when it has',
    gone: true,
  },
  refused: {
    sign: /ECONNREFUSED/,
    remedy: 'nothing listens there: is Redis up, and are host and port in redis.url right?',
    gone: true,
  },
  late: {
    sign: /timed? ?out|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|no answer within/i,
    remedy: 'Redis or the way to it is slow or stuck: look at its load (SLOWLOG, LATENCY DOCTOR) and the network',
    gone: true,
  },
  broken: {
    sign: /ECONNRESET|EPIPE|closed|max retries|isn't (ready|writeable)|slots cache|sentinels are unreachable/i,
    remedy: 'the connection broke: is Redis up?',
    gone: true,
  },
  other: { sign: /(?:)/, remedy: 'look at the log of Redis' },
} as const satisfies Readonly<Record<string, Words>>;

type CauseName = keyof typeof causes;

interface Cause extends Words {
  readonly name: CauseName;
  /** What was said. */
  readonly reason: string;
  /** The command that is missing, in lower case; null: none, or it was not said which. */
  readonly command: string | null;
}

const rows = Object.entries(causes) as readonly [CauseName, Words][];

export function causeOf(error: unknown): Cause {
  const { code = '', message } = innermost(error);
  const said = `${code} ${message}`;
  const [name, words] = rows.find(([, { sign }]) => sign.test(said)) ?? ['other', causes.other];
  const command = name === 'commandMissing' ? commandIn(message) : null;
  return {
    name,
    reason: message === '' ? code : message,
    command,
    ...words,
    ...(command === null ? {} : { remedy: remedyFor(command) }),
  };
}

interface Said {
  readonly code?: string;
  readonly message: string;
}

/** A cluster says that no node helped, and the last one's error beside it. */
function innermost(error: unknown): Said {
  const last = (error as { readonly lastNodeError?: unknown } | null)?.lastNodeError;
  if (last instanceof Error) return last;
  return error instanceof Error ? error : { message: String(error) };
}
