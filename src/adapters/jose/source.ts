/** Where an identity provider's keys are read: a JSON Web Key Set (RFC 7517), from its server or from a file. */
import { readFile } from 'node:fs/promises';
import { fileText } from '../../config/file-text.ts';

export interface KeySource {
  /** For the log. */
  readonly name: string;
  /** The set as text; rejects with what went wrong in words. */
  load(): Promise<string>;
}

/** Far more than any provider's set. */
const setMaxBytes = 256 * 1_024;

export function keysFromFile(path: string): KeySource {
  return {
    name: path,
    async load() {
      const file = fileText(await readFile(path, 'utf8'));
      if (!file.ok) throw new Error(`${file.fault}; ${file.wanted}`);
      return file.text;
    },
  };
}

/** Redirects are not followed: keys come from where the configuration says, and from nowhere else. */
export function keysFromUrl(url: string, timeoutMs: number): KeySource {
  return {
    name: url,
    async load() {
      const signal = AbortSignal.timeout(timeoutMs);
      const headers = { accept: 'application/jwk-set+json, application/json' };
      const response = await fetch(url, { signal, headers, redirect: 'manual' });
      if (response.status !== 200) {
        await response.body?.cancel();
        throw new Error(`answered ${response.status} in place of 200`);
      }
      return await textOf(response);
    },
  };
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  // Leaving the loop early lets go of the connection.
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > setMaxBytes) throw new Error(`answered more than ${setMaxBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text;
}
