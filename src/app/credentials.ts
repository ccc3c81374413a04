/** What Weir shows to the upstream: by class, by a value of the request, or to all; from files that may change. */
import { canBeReadAgain, type FileWatch, readAgain, watchFiles } from '../adapters/node/watch.ts';
import { readScope, type Scope, scopeValue } from '../admission/rate/scope.ts';
import type { Config } from '../config/config.ts';
import { type Credential, credentialIn } from '../config/credentials.ts';
import type { Admitted } from '../exchange/exchange.ts';
import type { Log } from '../observe/ports.ts';

interface ByValue {
  readonly scope: Scope;
  /** By the value that a request brings. */
  readonly texts: ReadonlyMap<string, string>;
}

/** The credential of a request: the most specific one. */
export class Credentials {
  #all: string | null = null;
  #byClass: ReadonlyMap<string, string> = new Map();
  #byValue: readonly ByValue[] = [];
  #caseSensitive = false;
  readonly #log: Log;
  #watch: FileWatch | null = null;

  constructor(settings: Config['coreapp'], log: Log) {
    this.#log = log;
    this.configure(settings);
  }

  readonly of = (exchange: Admitted): string | null => {
    for (const { scope, texts } of this.#byValue) {
      const value = scopeValue(scope, exchange, this.#caseSensitive);
      const text = value === null ? undefined : texts.get(value);
      if (text !== undefined) return text;
    }
    return this.#byClass.get(exchange.route.class) ?? this.#all;
  };

  /** Other credentials, from the next request that is sent. */
  configure({ credentials, caseSensitivePaths }: Config['coreapp']): void {
    this.#caseSensitive = caseSensitivePaths;
    this.#watch?.close();
    this.#watch = null;
    this.#take(credentials);
    this.#follow(credentials);
  }

  /** Takes up what changes in the files. What can't be read, or is no credential, changes nothing. */
  #follow(given: readonly Credential[]): void {
    const files = given.flatMap(({ file }) => file ?? []);
    if (files.length === 0 || !files.every(canBeReadAgain)) return;
    let seen = given;
    let told: readonly string[] = [];
    const look = (): void => {
      const troubles: Trouble[] = [];
      const now = seen.map((one) => reread(one, troubles));
      // One that stays wrong is told once, whatever else happens in its folder.
      for (const { message, ...fields } of troubles) {
        if (!told.includes(`${fields.file} ${message}`)) this.#log.error(message, fields);
      }
      told = troubles.map(({ file, message }) => `${file} ${message}`);
      if (now.every((one, i) => one.text === seen[i]?.text)) return;
      seen = now;
      this.#take(now);
      this.#log.info('changed credentials for the upstream are in use');
    };
    this.#watch = watchFiles(files, look);
    // A change since the configuration was read has made no event.
    look();
  }

  close(): void {
    this.#watch?.close();
  }

  #take(given: readonly Credential[]): void {
    this.#all = given.find(({ of }) => of === null)?.text ?? null;
    const byClass = new Map<string, string>();
    const byValue = new Map<string, Map<string, string>>();
    for (const { of, text } of given) {
      if (of === null) continue;
      const equals = of.indexOf('=');
      if (equals === -1) {
        byClass.set(of, text);
        continue;
      }
      const scope = of.slice(0, equals);
      byValue.set(scope, (byValue.get(scope) ?? new Map<string, string>()).set(of.slice(equals + 1), text));
    }
    this.#byClass = byClass;
    this.#byValue = [...byValue].map(([scope, texts]) => ({ scope: readScope(scope) as Scope, texts }));
  }
}

/** The scopes whose values choose some of them. */
export function credentialScopes(given: readonly Credential[]): Scope[] {
  return given.flatMap(({ of }) => {
    const equals = of?.indexOf('=') ?? -1;
    return equals === -1 ? [] : [readScope((of as string).slice(0, equals)) as Scope];
  });
}

interface Trouble {
  readonly message: string;
  readonly file: string;
  readonly code?: string | undefined;
}

function reread(one: Credential, troubles: Trouble[]): Credential {
  const { file } = one;
  if (file === null) return one;
  try {
    const text = credentialIn(readAgain(file));
    if (text !== null) return { ...one, text };
    const message = 'a credential for the upstream has changed to something that is none; the old one stays';
    troubles.push({ message, file });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    troubles.push({
      message: 'the file of a credential for the upstream cannot be read; the old one stays',
      file,
      code,
    });
  }
  return one;
}
