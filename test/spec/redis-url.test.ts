/** What REDIS_URL may be, and what is said of one that may not: the URL without its secrets, and what would be right. */
import { describe, expect, test } from 'vitest';
import { isTarget, type RedisTarget, readRedisUrl } from '../../src/config/redis-url.ts';
import { config, load, problems } from '../support/config.ts';

const nobody = { username: null, password: null };

test.each<[string, Partial<RedisTarget> & { master?: string; sentinelLogin?: object }]>([
  [
    'redis://redis',
    { kind: 'server', tls: false, login: nobody, endpoints: [{ host: 'redis', port: 6379 }], database: 0 },
  ],
  ['rediss://u:pw@r.example:6380/3', { tls: true, login: { username: 'u', password: 'pw' }, database: 3 }],
  ['redis://:pw@[::1]:6379', { login: { username: null, password: 'pw' }, endpoints: [{ host: '::1', port: 6379 }] }],
  ['redis://u:p%40ss%2Fw%3Ard@r', { login: { username: 'u', password: 'p@ss/w:rd' } }],
  ['redis://u:p@ss@r', { login: { username: 'u', password: 'p@ss' }, endpoints: [{ host: 'r', port: 6379 }] }],
  [
    'redis-sentinel://u:pw@a,b:26380/2?master=m&sentinelUsername=s&sentinelPassword=x%26y',
    {
      kind: 'sentinel',
      tls: false,
      login: { username: 'u', password: 'pw' },
      endpoints: [
        { host: 'a', port: 26379 },
        { host: 'b', port: 26380 },
      ],
      database: 2,
      master: 'm',
      sentinelLogin: { username: 's', password: 'x&y' },
    },
  ],
  ['rediss-sentinel://a?master=m', { kind: 'sentinel', tls: true, sentinelLogin: nobody }],
  [
    'redis-cluster://a:7000,[fd00::1]:7001',
    {
      kind: 'cluster',
      tls: false,
      endpoints: [
        { host: 'a', port: 7000 },
        { host: 'fd00::1', port: 7001 },
      ],
    },
  ],
  ['rediss-cluster://u:pw@a/0', { kind: 'cluster', tls: true, database: 0 }],
])('%s', (url, target) => {
  expect(readRedisUrl(url)).toMatchObject(target);
  expect(config(load('', { REDIS_URL: url })).redis.url).toBe(url);
});

const encoding = 'in names and passwords write @ : / ? # & = % , and spaces as %40 %3A %2F %3F %23 %26 %3D %25 %2C %20';
const endpointWords = `give a name, an IPv4 address or an IPv6 address in brackets, then a colon and a port from 1 to 65535; ${encoding}`;
const schemes = 'redis://, rediss://, redis-sentinel://, rediss-sentinel://, redis-cluster:// or rediss-cluster://';
const schemeWords = `give one that begins with ${schemes}, such as redis://user:password@redis:6379/0`;

describe('What is wrong is said in a line:', () => {
  test.each([
    // given                              what of it is shown     what is wrong with it, and what would be right
    ['Sup3rs3cret', 'a value of 11 characters', 'is not a URL of Redis', schemeWords],
    ['http://u:Sup3rs3cret@r', '"http://…@r"', 'has a scheme that Weir does not know', schemeWords],
    ['redis://', '"redis://"', 'has no host', 'give a host behind //, such as redis://redis:6379'],
    ['redis://u:Sup3r/s3cret@r', '"redis://…@r"', 'has a host or port that cannot be read', endpointWords],
    ['redis://u:Sup3r#s3cret@r', '"redis://…@r"', 'has a #', encoding],
    ['redis://u:Sup3r%s3cret@r', '"redis://…@r"', 'has a % that begins no character', encoding],
    ['redis://u:Sup3rs3cret', '"redis://u:…"', 'has a host or port that cannot be read', endpointWords],
    ['redis://r:99999', '"redis://r:99999"', 'has a host or port that cannot be read', endpointWords],
    [
      'redis://Sup3rs3cret@r',
      '"redis://…@r"',
      'has a user without a password',
      'give user:password@, or :password@ where there is no user',
    ],
    [
      'redis://r/Sup3rs3cret',
      '"redis://r/…"',
      'has a path that is no database',
      `give the database’s number behind the host, such as /0; ${encoding}`,
    ],
    ['redis://r?db=3', '"redis://r?db=…"', 'has a parameter that Weir does not know', 'give redis:// without a ?'],
    [
      'redis://a,b',
      '"redis://a,b"',
      'has several hosts',
      'give one host, or redis-sentinel:// or redis-cluster:// with several',
    ],
    [
      'redis-cluster://a/1',
      '"redis-cluster://a/1"',
      'names a database of a cluster, which has only the one',
      'give it without the path',
    ],
    [
      'redis-sentinel://a',
      '"redis-sentinel://a"',
      'does not say which primary to ask the Sentinels for',
      'give its name behind the hosts, such as ?master=mymaster',
    ],
    [
      'redis-sentinel://a?master=m&sentinelpassword=Sup3rs3cret',
      '"redis-sentinel://a?master=…&sentinelpassword=…"',
      'has a parameter that Weir does not know',
      'give only master, sentinelUsername, sentinelPassword behind the ?',
    ],
    [
      'redis-sentinel://a?master=m&sentinelUsername=s',
      '"redis-sentinel://a?master=…&sentinelUsername=…"',
      'has a sentinelUsername without a password',
      'give sentinelPassword, too',
    ],
    [
      'redis-sentinel://a?master=m&master=n',
      '"redis-sentinel://a?master=…&master=…"',
      'has master twice',
      'give it once',
    ],
  ])('%s', (url, given, fault, wanted) => {
    expect(problems(load('', { REDIS_URL: url }))).toEqual([`REDIS_URL: ${given} ${fault}; ${wanted}`]);
  });

  test('where it stands in a file, too', () => {
    const loaded = load('redis: {urlFile: /run/url}', {}, { '/run/url': 'redis://u:Sup3r/s3cret@r\n' });
    expect(problems(loaded)).toEqual([
      `w.yaml:1:18: redis.urlFile: "redis://…@r" in /run/url has a host or port that cannot be read; ${endpointWords}`,
    ]);
  });
});

test('Nothing secret is shown, however a URL is broken', () => {
  const pieces = ['redis://', 'redis-sentinel://', 'u', ':', '@', '/', '?', '&', '=', 'r', ',', '%', '#', 'master=m'];
  const secret = 'S3cret';
  let state = 11;
  const next = (count: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * count);
  };
  for (let run = 0; run < 5_000; run++) {
    const parts = Array.from({ length: 1 + next(9) }, () => pieces[next(pieces.length)] as string);
    const url = `redis://u:${secret}${parts.join('')}@r:x`;
    const read = readRedisUrl(url);
    if (!isTarget(read)) expect(read.given).not.toContain(secret);
  }
});
