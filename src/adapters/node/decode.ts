/** Bodies without their content codings (RFC 9110, 8.4.1), to be looked at. */
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib';

/** No larger than this: a small body may be made to fill all memory. */
const maxOutputLength = 1_048_576;

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;

const codings: ReadonlyMap<string, Decode> = new Map([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflateSync],
  ['br', brotliDecompressSync],
  ['zstd', (bytes) => zstdDecompressSync(bytes, { maxOutputLength })],
]);

/** Null: it is none that is known, it is broken, or it would be too large. */
export function decodeBody(coding: string, bytes: Buffer): Buffer | null {
  try {
    return codings.get(coding)?.(bytes, { maxOutputLength }) ?? null;
  } catch {
    return null;
  }
}
