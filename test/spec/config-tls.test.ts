/** Configuration: TLS files are read and judged before anything starts. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createAuthority } from '../support/certificates.ts';
import { config, load, problems } from '../support/config.ts';

const authority = createAuthority('Weir test authority');
const weir = authority.issue('weir', ['localhost']);
const other = authority.issue('other');
const short = generateKeyPairSync('rsa', { modulusLength: 512 });

const shortIssued = authority.issue('short', [], { keys: short });

const files = {
  '/tls/short-cert': shortIssued.cert,
  '/tls/short-key': shortIssued.key,
  '/tls/ca': authority.cert,
  '/tls/cert': weir.cert,
  '/tls/chain': weir.cert + authority.cert,
  '/tls/wrong-order': authority.cert + weir.cert,
  '/tls/key': weir.key,
  '/tls/both': weir.cert + weir.key,
  '/tls/other-key': other.key,
  '/tls/text': 'no PEM at all',
  '/tls/broken': weir.cert.replace(/\n\w{8}/, '\nAAAAAAAA'),
  '/tls/second-broken': weir.cert + authority.cert.replace(/\n\w{8}/, '\nAAAAAAAA'),
  '/tls/locked': short.privateKey
    .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' })
    .toString(),
};

const listen = (cert: string, key: string, more = ''): string =>
  `listen: {tls: {certFile: ${cert}, keyFile: ${key}${more}}}`;

describe('TLS files', () => {
  it('come as texts, and those of the main port keep their names', () => {
    const yaml = [
      listen('/tls/chain', '/tls/key', ', minVersion: TLSv1.3, clientCaFile: /tls/ca'),
      'coreapp: {url: "https://core", caFile: /tls/ca}',
      'redis: {url: "rediss://redis", caFile: /tls/ca, certFile: /tls/cert, keyFile: /tls/key}',
    ].join('\n');
    const { listen: main, coreapp, redis } = config(load(yaml, {}, files));
    expect(main.tls).toMatchObject({
      minVersion: 'TLSv1.3',
      material: { ca: authority.cert, cert: weir.cert + authority.cert, key: weir.key },
      files: { ca: { path: '/tls/ca' }, cert: { path: '/tls/chain' }, key: { path: '/tls/key' } },
    });
    expect(coreapp.tls).toEqual({ ca: authority.cert, cert: null, key: null });
    expect(redis.tls).toEqual({ ca: authority.cert, cert: weir.cert, key: weir.key });
  });

  it('may be one file for certificate and key', () => {
    expect(problems(load(listen('/tls/both', '/tls/both'), {}, files))).toEqual([]);
  });

  it('may begin with a byte order mark, and are told where they are UTF-16', () => {
    const marked = { '/tls/cert': `\ufeff${weir.cert}`, '/tls/key': `\ufeff${weir.key}` };
    expect(config(load(listen('/tls/cert', '/tls/key'), {}, marked)).listen.tls?.material).toMatchObject({
      cert: weir.cert,
      key: weir.key,
    });
    const wide = { ...files, '/tls/key': Buffer.from(`\ufeff${weir.key}`, 'utf16le').toString() };
    expect(problems(load(listen('/tls/cert', '/tls/key'), {}, wide))).toEqual([
      'w.yaml:1:46: listen.tls.keyFile: "/tls/key" is UTF-16; save it as UTF-8',
    ]);
  });

  it('are not there by default: plain HTTP, public authorities', () => {
    const { listen: main, coreapp, redis } = config(load(''));
    const nothing = { ca: null, cert: null, key: null };
    expect([main.tls, coreapp.tls, redis.tls]).toEqual([null, nothing, nothing]);
  });
});

describe('TLS files that cannot do are refused', () => {
  const chain = 'give a PEM file with the certificate itself first, intermediate ones after it';
  const authorities = 'give a PEM file with the certificates of the authorities to trust';
  const key = 'give a PEM file with the private key of the certificate, without a passphrase';

  it.each([
    [listen('/nowhere', '/tls/key'), [`26: listen.tls.certFile: "/nowhere" cannot be read (no such file); ${chain}`]],
    [listen('/tls/text', '/tls/key'), [`26: listen.tls.certFile: "/tls/text" holds no PEM certificate; ${chain}`]],
    [listen('/tls/key', '/tls/key'), [`26: listen.tls.certFile: "/tls/key" holds no PEM certificate; ${chain}`]],
    [
      listen('/tls/broken', '/tls/key'),
      [`26: listen.tls.certFile: "/tls/broken" holds something else in place of certificate 1; ${chain}`],
    ],
    [
      listen('/tls/second-broken', '/tls/key'),
      [`26: listen.tls.certFile: "/tls/second-broken" holds something else in place of certificate 2; ${chain}`],
    ],
    [listen('/tls/cert', '/tls/text'), [`46: listen.tls.keyFile: "/tls/text" holds no PEM private key; ${key}`]],
    [
      listen('/tls/cert', '/tls/locked'),
      [`46: listen.tls.keyFile: "/tls/locked" holds a key that wants a passphrase; ${key}`],
    ],
    [
      listen('/tls/short-cert', '/tls/short-key'),
      [
        '26: listen.tls.certFile: "/tls/short-cert" is refused by OpenSSL (ERR_SSL_EE_KEY_TOO_SMALL); give another certificate',
      ],
    ],
    [
      listen('/tls/cert', '/tls/other-key'),
      [
        '46: listen.tls.keyFile: "/tls/other-key" does not belong to the first certificate in "/tls/cert"; ' +
          'give the key that the certificate was made with; the certificate itself goes before its issuers’',
      ],
    ],
    [
      listen('/tls/wrong-order', '/tls/key'),
      [
        '53: listen.tls.keyFile: "/tls/key" does not belong to the first certificate in "/tls/wrong-order"; ' +
          'give the key that the certificate was made with; the certificate itself goes before its issuers’',
      ],
    ],
    [
      listen('/tls/cert', '/tls/key', ', clientCaFile: /tls/text'),
      [`70: listen.tls.clientCaFile: "/tls/text" holds no PEM certificate; ${authorities}`],
    ],
    [
      'coreapp: {url: "https://core", caFile: /tls/key}',
      [`40: coreapp.caFile: "/tls/key" holds no PEM certificate; ${authorities}`],
    ],
    [
      'redis: {url: "rediss://redis", caFile: /nowhere}',
      [`40: redis.caFile: "/nowhere" cannot be read (no such file); ${authorities}`],
    ],
    [
      'listen: {tls: {minVersion: TLSv1.1}}',
      ['28: listen.tls.minVersion: "TLSv1.1" is not allowed; give one of TLSv1.2, TLSv1.3'],
    ],
  ])('%s', (yaml, lines) => {
    expect(problems(load(yaml, {}, files))).toEqual(lines.map((line) => `w.yaml:1:${line}`));
  });

  it('with every problem at once', () => {
    expect(problems(load(listen('/tls/text', '/nowhere', ', clientCaFile: /tls/text'), {}, files))).toHaveLength(3);
  });

  it.each(['/tls/other-key', '/tls/locked'])('and never show the key: %s', (path) => {
    const told = problems(load(listen('/tls/cert', path), {}, files)).join('\n');
    expect(told).not.toMatch(/[A-Za-z0-9+/]{40}/);
  });
});

describe('TLS files are held against the other settings', () => {
  it.each([
    [
      'listen: {tls: {certFile: /tls/cert}}',
      '26: listen.tls.certFile: "/tls/cert" without listen.tls.keyFile is not allowed; give listen.tls.keyFile, too, or leave listen.tls.certFile out',
    ],
    [
      'listen: {tls: {keyFile: /tls/key}}',
      '25: listen.tls.keyFile: "/tls/key" without listen.tls.certFile is not allowed; give listen.tls.certFile, too, or leave listen.tls.keyFile out',
    ],
    [
      'listen: {tls: {clientCaFile: /tls/ca}}',
      '30: listen.tls.clientCaFile: "/tls/ca" without listen.tls.certFile is not allowed; give listen.tls.certFile, too, or leave listen.tls.clientCaFile out',
    ],
    [
      'coreapp: {url: "http://core", caFile: /tls/ca}',
      '39: coreapp.caFile: "/tls/ca" next to a coreapp.url without TLS is not allowed; give a coreapp.url that begins with https://, or leave coreapp.caFile out',
    ],
    [
      'redis: {url: "redis://redis", caFile: /tls/ca}',
      '39: redis.caFile: "/tls/ca" next to a redis.url without TLS is not allowed; give a redis.url that begins with rediss://, rediss-sentinel:// or rediss-cluster://, or leave redis.caFile out',
    ],
  ])('%s', (yaml, line) => {
    expect(problems(load(yaml, {}, files))).toEqual([`w.yaml:1:${line}`]);
  });

  it.each([
    ['expired', { to: new Date('2020-02-03T04:05:06Z') }, 'the certificate expired at 2020-02-03T04:05:06.000Z'],
    [
      'not yet valid',
      { from: new Date('2048-01-02T03:04:05Z'), to: new Date('2049-01-01T00:00:00Z') },
      'the certificate is not valid before 2048-01-02T03:04:05.000Z',
    ],
  ])('a certificate that is %s is noted: Weir could still be started to replace it', (_, validity, note) => {
    const { cert, key } = authority.issue('weir', ['localhost'], {
      from: new Date('2019-01-01T00:00:00Z'),
      ...validity,
    });
    const loaded = load(listen('/c', '/k'), {}, { '/c': cert, '/k': key });
    expect(loaded.ok && loaded.notes).toContain(`listen.tls.certFile: ${note}`);
  });
});
