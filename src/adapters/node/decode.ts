/** Bodies without their content codings (RFC 9110, 8.4.1), to be looked at. */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';

/** No larger than this: a small body may be made to fill all memory. */
const maxOutputLength = 1_048_576;

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer;

const codings = new Map<string, Decode>([
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
  ['deflate', inflated],
  ['br', brotliDecompressSync],
  ['zstd', (bytes) => zstdDecompressSync(bytes, { maxOutputLength })],
]);

/** Many servers leave the header of zlib out (RFC 9110, 8.4.1.2). */
function inflated(bytes: Buffer, options: { maxOutputLength: number }): Buffer {
  try {
    return inflateSync(bytes, options);
  } catch {
    return inflateRawSync(bytes, options);
  }
}

/** Null: it is none that is known, it is broken, or it would be too large. */
export function decodeBody(coding: string, bytes: Buffer): Buffer | null {
  try {
    return codings.get(coding)?.(bytes, { maxOutputLength }) ?? null;
  } catch {
    return null;
  }
}
