/** The main port's certificate: shown from the start, and again from its files when they change. */
import { isDeepStrictEqual } from 'node:util';
import { canBeReadAgain, digestOf, type FileWatch, readAgain, watchFiles } from '../adapters/node/watch.ts';
import type { Clock } from '../clock.ts';
import { formatProblem } from '../config/problems.ts';
import { attempt } from '../config/secret-files.ts';
import { dateNote, type ListenTls, readTls } from '../config/tls.ts';
import type { Log } from '../observe/ports.ts';
import type { ServerSecure } from '../wire/server/tls.ts';

/** The certificate by the configuration that there is. */
export class Certificates {
  readonly #secure: ServerSecure;
  readonly #clock: Clock;
  readonly #log: Log;
  #tls: ListenTls | null = null;
  #watch: FileWatch | null = null;

  constructor(secure: ServerSecure, clock: Clock, log: Log) {
    this.#secure = secure;
    this.#clock = clock;
    this.#log = log;
  }

  /** From now on the certificate is this one, and whatever its files change to. */
  keep(tls: ListenTls | null): void {
    const before = this.#tls;
    if (tls === null || isDeepStrictEqual(before, tls)) return;
    this.#tls = tls;
    if (before !== null) this.#secure(tls.material, tls.minVersion);
    this.#watch?.close();
    this.#watch = this.#follow(tls);
  }

  close(): void {
    this.#watch?.close();
  }

  /**
   * Shows changed files, unless something is wrong with them: then the old ones stay. Connected callers notice nothing
   * either way.
   */
  #follow(tls: ListenTls): FileWatch {
    const { ca, cert, key } = tls.files;
    const paths = [ca, cert, key].flatMap(({ path }) => path ?? []);
    let seen = digestOf([tls.material.ca, tls.material.cert, tls.material.key].filter((text) => text !== null));
    const look = (): void => {
      const reads = paths.map((path) => attempt(() => readAgain(path)));
      const now = digestOf(reads.map((read) => (read.ok ? read.text : String(read.error))));
      if (now === seen) return;
      seen = now;
      const { material, certificate, problems } = readTls(tls.files, (path) => {
        const read = reads[paths.indexOf(path)];
        if (read?.ok === true) return read.text;
        throw read?.error;
      });
      const refuse = (why: readonly string[]): void =>
        this.#log.error('changed TLS files are refused, the old ones stay', { problems: why });
      if (certificate === null || problems.length > 0) return void refuse(problems.map(formatProblem));
      try {
        this.#secure(material);
      } catch (error) {
        return void refuse([String(error)]);
      }
      const note = dateNote(certificate, this.#clock.wallMs());
      const fields = { expires: certificate.validToDate.toISOString(), ...(note === null ? {} : { note }) };
      this.#log[note === null ? 'info' : 'warn']('changed TLS files are in use', fields);
    };
    if (!paths.every(canBeReadAgain)) return { close() {} };
    const watch = watchFiles(paths, look);
    // A change since the configuration was read has made no event.
    look();
    return watch;
  }
}
