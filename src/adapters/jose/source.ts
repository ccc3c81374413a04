/** Where an identity provider's keys are read: a JSON Web Key Set (RFC 7517), from its server or from a file. */
export interface KeySource {
  /** For the log. */
  readonly name: string;
  /** The set as text; rejects with what went wrong in words. */
  load(): Promise<string>;
}

/** Far more than any provider's set. */
const setMaxBytes = 256 * 1_024;

/** @param name of the file that held them: a changed file is another configuration */
export const keysFromText = (name: string, text: string): KeySource => ({ name, load: () => Promise.resolve(text) });

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
