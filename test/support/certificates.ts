/**
 * Certificate authorities and certificates of the test's own, made in the process: node:crypto signs, and the little DER
 * (X.690) that an X.509 certificate (RFC 5280) is made of is written here. So tests need no openssl, and no key lies around.
 */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

/** PEM texts. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Issued {
  /** A certificate for a server or a client; `names`: DNS names and IPv4 addresses. */
  issue(commonName: string, names?: readonly string[], details?: Details): Issued;
}

interface Details {
  readonly from?: Date;
  readonly to?: Date;
  readonly keys?: KeyPair;
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const dayMs = 86_400_000;

export function createAuthority(commonName: string): Authority {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const isAuthority = extension('2.5.29.19', sequence(boolean(true)), true);
  const own = { subject: commonName, keys, issuer: commonName, signer: keys.privateKey, extensions: [isAuthority] };
  return {
    cert: certificate(own),
    key: pemKey(keys.privateKey),
    issue(
      subject,
      names = [],
      { keys: issued = generateKeyPairSync('ec', { namedCurve: 'P-256' }), ...validity } = {},
    ) {
      const extensions = names.length === 0 ? [] : [extension('2.5.29.17', sequence(...names.map(generalName)))];
      const about = { subject, keys: issued, issuer: commonName, signer: keys.privateKey, extensions, validity };
      return { cert: certificate(about), key: pemKey(issued.privateKey) };
    },
  };
}

const pemKey = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' }).toString();

interface About {
  readonly subject: string;
  readonly keys: { readonly publicKey: KeyObject };
  readonly issuer: string;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly validity?: Pick<Details, 'from' | 'to'>;
}

function certificate({ subject, keys, issuer, signer, extensions, validity = {} }: About): string {
  const from = validity.from ?? new Date(Date.now() - dayMs);
  const to = validity.to ?? new Date(Date.now() + dayMs);
  const algorithm = sequence(oid('1.2.840.10045.4.3.2')); // ecdsa-with-SHA256
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(2))), // version 3
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    algorithm,
    nameOf(issuer),
    sequence(time(from), time(to)),
    nameOf(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    ...(extensions.length === 0 ? [] : [tagged(0xa3, sequence(...extensions))]),
  );
  const der = sequence(body, algorithm, bits(sign('sha256', body, signer)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function tagged(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), content]);
  const octets = length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length, ...octets), content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => tagged(0x30, ...parts);
const integer = (value: Buffer): Buffer => tagged(0x02, value);
const boolean = (value: boolean): Buffer => tagged(0x01, Buffer.of(value ? 0xff : 0));
const bits = (value: Buffer): Buffer => tagged(0x03, Buffer.of(0), value);
const octets = (value: Buffer): Buffer => tagged(0x04, value);

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((arc) => {
    const base128 = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) base128.unshift((left & 0x7f) | 0x80);
    return base128;
  });
  return tagged(0x06, Buffer.of(first * 40 + second, ...bytes));
}

const nameOf = (commonName: string): Buffer =>
  sequence(tagged(0x31, sequence(oid('2.5.4.3'), tagged(0x0c, Buffer.from(commonName)))));

/** UTCTime: years from 1950 to 2049. */
const time = (date: Date): Buffer =>
  tagged(0x17, Buffer.from(`${date.toISOString().slice(2, 19).replace(/\D/g, '')}Z`));

const extension = (id: string, value: Buffer, critical = false): Buffer =>
  sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));

const generalName = (name: string): Buffer =>
  isIPv4(name) ? tagged(0x87, Buffer.from(name.split('.').map(Number))) : tagged(0x82, Buffer.from(name));
