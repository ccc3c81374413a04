/** TLS certificates, keys and authorities: read from the files that settings name, and judged before a socket opens. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { readText } from './file-text.ts';
import { badFile, type Problem } from './problems.ts';
import type { Settings } from './schema.ts';
import { contextOptions, type TlsMaterial } from './tls-material.ts';

/** The setting that names a file, and the file's path; null: it is not set. */
export interface TlsFile {
  readonly setting: string;
  readonly path: string | null;
}

/** `cert` and `key` are set together or not at all. */
export interface TlsFiles {
  readonly ca: TlsFile;
  readonly cert: TlsFile;
  readonly key: TlsFile;
}

/** What the main port needs; the files are watched, so their names stay known. */
export interface ListenTls {
  readonly files: TlsFiles;
  readonly minVersion: Settings['listen']['tls']['minVersion'];
  readonly material: TlsMaterial;
}

interface TlsRead {
  readonly material: TlsMaterial;
  /** By the setting whose file is wrong; `where` is its name. */
  readonly problems: readonly Problem[];
  /** The certificate of ours; null: none is set, or it can't be read. */
  readonly certificate: X509Certificate | null;
}

export function readTls(files: TlsFiles, readFile: (path: string) => string): TlsRead {
  const reader = new Reader(readFile);
  const ca = reader.certificates(files.ca, authorityWanted);
  const cert = reader.certificates(files.cert, chainWanted);
  const key = reader.key(files.key);
  if (cert !== null && key !== null) reader.judgePair(files, cert.first, key.object);
  const material = { ca: ca?.text ?? null, cert: cert?.text ?? null, key: key?.text ?? null };
  if (reader.problems.length === 0) reader.judgeWhole(files, material);
  return { material, problems: reader.problems, certificate: cert?.first ?? null };
}

/** What is worth knowing of a certificate's dates; null: nothing. */
export function dateNote(certificate: X509Certificate, wallMs: number): string | null {
  const { validFromDate, validToDate } = certificate;
  if (validToDate.getTime() <= wallMs) return `the certificate expired at ${validToDate.toISOString()}`;
  if (validFromDate.getTime() > wallMs) return `the certificate is not valid before ${validFromDate.toISOString()}`;
  return null;
}

const chainWanted = 'give a PEM file with the certificate itself first, intermediate ones after it';
const authorityWanted = 'give a PEM file with the certificates of the authorities to trust';
const keyWanted = 'give a PEM file with the private key of the certificate, without a passphrase';

class Reader {
  readonly problems: Problem[] = [];
  readonly #readFile: (path: string) => string;

  constructor(readFile: (path: string) => string) {
    this.#readFile = readFile;
  }

  certificates(file: TlsFile, wanted: string): { readonly text: string; readonly first: X509Certificate } | null {
    const text = this.#text(file, wanted);
    if (text === null) return null;
    const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    const [first, ...others] = blocks.map(certificateOf);
    if (first === undefined) return this.#fault(file, 'holds no PEM certificate', wanted);
    if (first === null || others.includes(null)) {
      const number = [first, ...others].indexOf(null) + 1;
      return this.#fault(file, `holds something else in place of certificate ${number}`, wanted);
    }
    return { text, first };
  }

  key(file: TlsFile): { readonly text: string; readonly object: KeyObject } | null {
    const text = this.#text(file, keyWanted);
    if (text === null) return null;
    if (/^-----BEGIN ENCRYPTED |^Proc-Type: 4,ENCRYPTED/m.test(text))
      return this.#fault(file, 'holds a key that wants a passphrase', keyWanted);
    try {
      return { text, object: createPrivateKey(text) };
    } catch {
      return this.#fault(file, 'holds no PEM private key', keyWanted);
    }
  }

  judgePair(files: TlsFiles, certificate: X509Certificate, key: KeyObject): void {
    if (certificate.checkPrivateKey(key)) return;
    const wanted = 'give the key that the certificate was made with; the certificate itself goes before its issuers’';
    this.#fault(files.key, `does not belong to the first certificate in ${JSON.stringify(files.cert.path)}`, wanted);
  }

  /** OpenSSL has rules of its own, such as how short a key may be. */
  judgeWhole(files: TlsFiles, material: TlsMaterial): void {
    try {
      createSecureContext(contextOptions(material));
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'no reason given';
      this.#fault(
        material.cert === null ? files.ca : files.cert,
        `is refused by OpenSSL (${code})`,
        'give another certificate',
      );
    }
  }

  #text(file: TlsFile, wanted: string): string | null {
    if (file.path === null) return null;
    const read = readText(file.path, this.#readFile, wanted);
    return read.ok ? read.text : this.#fault(file, read.fault, read.wanted);
  }

  #fault({ setting, path }: TlsFile, fault: string, wanted: string): null {
    this.problems.push(badFile(setting, path, { fault, wanted }));
    return null;
  }
}

function certificateOf(pem: string): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    return null;
  }
}
