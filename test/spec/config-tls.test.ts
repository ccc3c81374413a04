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
    const { listen: main } = config(load(listen('/tls/cert', '/tls/key'), {}, marked));
    expect(main.tls?.material).toMatchObject({ cert: weir.cert, key: weir.key });
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

  const broken = (number: number) => `holds something else in place of certificate ${number}`;
  const ofAnother = 'give the key that the certificate was made with; the certificate itself goes before its issuers’';
  const foreign = (cert: string) => `does not belong to the first certificate in "${cert}"; ${ofAnother}`;
  const weak = 'is refused by OpenSSL (ERR_SSL_EE_KEY_TOO_SMALL); give another certificate';

  it.each([
    ['/nowhere', '/tls/key', `26: listen.tls.certFile: "/nowhere" cannot be read (no such file); ${chain}`],
    ['/tls/text', '/tls/key', `26: listen.tls.certFile: "/tls/text" holds no PEM certificate; ${chain}`],
    ['/tls/key', '/tls/key', `26: listen.tls.certFile: "/tls/key" holds no PEM certificate; ${chain}`],
    ['/tls/broken', '/tls/key', `26: listen.tls.certFile: "/tls/broken" ${broken(1)}; ${chain}`],
    ['/tls/second-broken', '/tls/key', `26: listen.tls.certFile: "/tls/second-broken" ${broken(2)}; ${chain}`],
    ['/tls/cert', '/tls/text', `46: listen.tls.keyFile: "/tls/text" holds no PEM private key; ${key}`],
    ['/tls/cert', '/tls/locked', `46: listen.tls.keyFile: "/tls/locked" holds a key that wants a passphrase; ${key}`],
    ['/tls/short-cert', '/tls/short-key', `26: listen.tls.certFile: "/tls/short-cert" ${weak}`],
    ['/tls/cert', '/tls/other-key', `46: listen.tls.keyFile: "/tls/other-key" ${foreign('/tls/cert')}`],
    ['/tls/wrong-order', '/tls/key', `53: listen.tls.keyFile: "/tls/key" ${foreign('/tls/wrong-order')}`],
  ])('the certificate %s with the key %s', (certFile, keyFile, line) => {
    expect(problems(load(listen(certFile, keyFile), {}, files))).toEqual([`w.yaml:1:${line}`]);
  });

  const noAuthorities = `holds no PEM certificate; ${authorities}`;
  it.each([
    [
      listen('/tls/cert', '/tls/key', ', clientCaFile: /tls/text'),
      `70: listen.tls.clientCaFile: "/tls/text" ${noAuthorities}`,
    ],
    ['coreapp: {url: "https://core", caFile: /tls/key}', `40: coreapp.caFile: "/tls/key" ${noAuthorities}`],
    [
      'redis: {url: "rediss://redis", caFile: /nowhere}',
      `40: redis.caFile: "/nowhere" cannot be read (no such file); ${authorities}`,
    ],
    [
      'listen: {tls: {minVersion: TLSv1.1}}',
      '28: listen.tls.minVersion: "TLSv1.1" is not allowed; give one of TLSv1.2, TLSv1.3',
    ],
  ])('%s', (yaml, line) => {
    expect(problems(load(yaml, {}, files))).toEqual([`w.yaml:1:${line}`]);
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
    ['certFile: /tls/cert', '26', 'certFile: "/tls/cert"', 'keyFile'],
    ['keyFile: /tls/key', '25', 'keyFile: "/tls/key"', 'certFile'],
    ['clientCaFile: /tls/ca', '30', 'clientCaFile: "/tls/ca"', 'certFile'],
  ])('listen: {tls: {%s}}', (setting, at, given, missing) => {
    const [name] = given.split(':');
    expect(problems(load(`listen: {tls: {${setting}}}`, {}, files))).toEqual([
      `w.yaml:1:${at}: listen.tls.${given} without listen.tls.${missing} is not allowed; give listen.tls.${missing}, too, or leave listen.tls.${name} out`,
    ]);
  });

  it.each([
    ['coreapp', 'http://core', 'https://'],
    ['redis', 'redis://redis', 'rediss://, rediss-sentinel:// or rediss-cluster://'],
  ])('%s: {url: "%s", caFile: /tls/ca}', (section, url, secure) => {
    expect(problems(load(`${section}: {url: "${url}", caFile: /tls/ca}`, {}, files))).toEqual([
      `w.yaml:1:39: ${section}.caFile: "/tls/ca" next to a ${section}.url without TLS is not allowed; give a ${section}.url that begins with ${secure}, or leave ${section}.caFile out`,
    ]);
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
