/**
 * Reload: reads the configuration again while Weir runs, and has what can change be in force. One is read whole and
 * judged whole, as at the start: with any problem it is refused, and the old one stays.
 *
 * Files are watched: the configuration's and each that it names. A change is looked at once it has settled, and what
 * comes meanwhile is looked at together, so a storm of changes costs a few reloads. A text that is half written is a
 * problem, too, so a changed file with problems is read again until it no longer changes.
 */
import { digestOf, type FileWatch, isPipe, readAgain, watchFiles } from '../adapters/node/watch.ts';
import type { Clock } from '../clock.ts';
import type { Config } from '../config/config.ts';
import { formatProblem, type Loaded, loadConfig, type Sources } from '../config/load.ts';
import { attempt } from '../config/secret-files.ts';
import type { Log, Meter } from '../observe/ports.ts';
import type { ReloadReport } from '../ops/ports.ts';
import { type Change, changeTo } from './restart.ts';
import type { Running } from './running.ts';
import { StartError } from './start-error.ts';

type LoadedWell = Extract<Loaded, { ok: true }>;

/** What caused it. */
type ReloadReason = 'SIGHUP' | 'file' | 'command';

interface ReloadDeps {
  /** Where the configuration comes from; `readFile` is not asked. */
  readonly sources: Omit<Sources, 'readFile'>;
  /** What runs, and what the log has said of it. */
  readonly config: Config;
  readonly notes: readonly string[];
  readonly running: Running;
  /** What a configuration that was read means here: without an upstream of its own the simulator takes its place. */
  readonly adapt?: (config: Config) => Config;
  /** Has it be in force. Rejects with a `StartError` where that can't be; then nothing has changed. */
  readonly apply: (config: Config) => Promise<void>;
  /** Told of each reload. Not there: nobody is. */
  readonly manager?: { reloading(): void; reloaded(report: ReloadReport): void };
  readonly clock: Clock;
  readonly meter: Pick<Meter, 'reloaded'>;
  readonly log: Log;
}

/** What was read, and of which files. */
interface Reading {
  readonly loaded: Loaded;
  /** It names another profile than the one that runs, and was read for that one. */
  readonly otherProfile: boolean;
  /** What each file holds, or why it could not be read. */
  readonly texts: ReadonlyMap<string, string>;
  /** One of them that can be read only once, when Weir starts; null: there is none. */
  readonly onceOnly: string | null;
}

/** How long a file with problems is left alone before it is read again, milliseconds. */
const unfinishedMs = 300;
/** A file that keeps changing is judged after so many looks. */
const looksMax = 20;

export class Reload {
  readonly #deps: ReloadDeps;
  #config: Config;
  /** What has been said of it at the start, or since. */
  #notes: readonly string[];
  #watch: FileWatch | null = null;
  #watched: readonly string[] = [];
  #digest = '';
  /** The one that is under way, and the one that follows it, for all who have asked meanwhile. */
  #current: Promise<ReloadReport> | null = null;
  #next: Promise<ReloadReport> | null = null;
  /** Waits for the one that is under way. */
  #lookAgain: Promise<void> | null = null;
  #closed = false;

  constructor(deps: ReloadDeps) {
    this.#deps = deps;
    this.#config = deps.config;
    this.#notes = deps.notes;
  }

  /** What is in force. */
  get config(): Config {
    return this.#config;
  }

  /** Takes up changes of files from now on, and those since the configuration was read. */
  watch(): void {
    const reading = this.#read();
    const { onceOnly } = reading;
    if (onceOnly !== null) {
      this.#deps.log.info('the configuration is not watched: one of its files is a pipe', { file: onceOnly });
      return;
    }
    this.#follow(reading);
    if (!reading.loaded.ok || this.#changeTo(reading, reading.loaded).changed.length > 0) void this.reload('file');
  }

  /** Nothing is taken up any more. */
  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#watch = null;
  }

  /** At most one is under way, and one waits: it reads what is there when its turn comes. */
  reload(reason: ReloadReason): Promise<ReloadReport> {
    if (this.#current === null) {
      this.#current = this.#told(reason).finally(() => {
        this.#current = null;
      });
      return this.#current;
    }
    this.#next ??= this.#current.then(() => {
      this.#next = null;
      return this.reload(reason);
    });
    return this.#next;
  }

  async #told(reason: ReloadReason): Promise<ReloadReport> {
    this.#deps.manager?.reloading();
    const report = await this.#reload(reason);
    this.#deps.manager?.reloaded(report);
    return report;
  }

  async #reload(reason: ReloadReason): Promise<ReloadReport> {
    const { log, running, meter } = this.#deps;
    const reading = reason === 'file' ? await this.#readSettled() : this.#read();
    if (this.#closed) {
      log.warn('the configuration is not reloaded: Weir is stopping', { reason });
      return { result: 'refused', problems: ['Weir is stopping'] };
    }
    const { loaded, onceOnly } = reading;
    this.#follow(reading);
    if (onceOnly !== null) {
      return this.#refuse(reason, [
        `${onceOnly}: is a pipe, which can be read only once; restart Weir, or give a file`,
      ]);
    }
    if (!loaded.ok) return this.#refuse(reason, loaded.problems.map(formatProblem));
    const change = this.#changeTo(reading, loaded);
    if (change.changed.length > 0) return await this.#apply(reason, loaded, change);
    const { restartNeeded } = change;
    running.unchanged(restartNeeded, meter);
    log.info('the configuration is the one that runs', { reason, ...(restartNeeded.length > 0 && { restartNeeded }) });
    return { result: 'unchanged', changed: [], restartNeeded };
  }

  async #apply(reason: ReloadReason, { hash, notes }: LoadedWell, change: Change): Promise<ReloadReport> {
    const { log, running, meter, apply } = this.#deps;
    const { config, changed, restartNeeded } = change;
    try {
      await apply(config);
    } catch (error) {
      if (error instanceof StartError) return this.#refuse(reason, [error.message]);
      log.error('a bug: a reload threw', { error });
      return this.#refuse(reason, ['a bug in Weir: the log has it']);
    }
    this.#config = config;
    running.applied(hash, restartNeeded, meter);
    for (const note of notes) if (!this.#notes.includes(note)) log.warn(note);
    this.#notes = notes;
    log.info('a changed configuration is in force', { reason, hash, changed });
    if (restartNeeded.length > 0) log.warn('changed settings wait for a restart', { restartNeeded });
    return { result: 'applied', hash, changed, restartNeeded };
  }

  #refuse(reason: ReloadReason, problems: readonly string[]): ReloadReport {
    this.#deps.running.refused(problems, this.#deps.meter);
    this.#deps.log.error('a changed configuration is refused, the old one stays', { reason, problems });
    return { result: 'refused', problems };
  }

  #changeTo({ otherProfile }: Reading, { config }: LoadedWell): Change {
    const { adapt = (same) => same } = this.#deps;
    const change = changeTo(adapt(config), this.#config);
    return otherProfile ? { ...change, restartNeeded: ['profile', ...change.restartNeeded] } : change;
  }

  /** A file with problems may be half written: it is read until it no longer changes. */
  async #readSettled(): Promise<Reading> {
    let reading = this.#read();
    for (let looks = 1; !reading.loaded.ok && looks < looksMax; looks++) {
      await new Promise<void>((resolve) => void this.#deps.clock.after(unfinishedMs, resolve));
      const again = this.#read();
      if (digestOf([...again.texts].flat()) === digestOf([...reading.texts].flat())) return again;
      reading = again;
    }
    return reading;
  }

  /** The defaults of another profile are for another process: what runs goes on with its own. */
  #read(): Reading {
    const texts = new Map<string, string>();
    let onceOnly: string | null = null;
    const readFile = (path: string): string => {
      const read = attempt(() => readAgain(path));
      texts.set(path, textOf(read));
      if (read.ok) return read.text;
      if (read.error === isPipe) onceOnly = path;
      throw read.error;
    };
    const { sources } = this.#deps;
    const { profile } = this.#config;
    const loaded = loadConfig({ ...sources, readFile });
    if (!loaded.ok || loaded.config.profile === profile) return { loaded, otherProfile: false, texts, onceOnly };
    const env = { ...sources.env, WEIR_PROFILE: profile };
    return { loaded: loadConfig({ ...sources, env, readFile }), otherProfile: true, texts, onceOnly };
  }

  /** What was read is known, and watched from now on. */
  #follow({ texts }: Reading): void {
    const paths = [...texts.keys()].filter((path) => !this.#hasOwnWatch(path));
    this.#digest = digestOf(paths.flatMap((path) => [path, texts.get(path) as string]));
    if (paths.length === this.#watched.length && paths.every((path) => this.#watched.includes(path))) return;
    this.#watch?.close();
    this.#watched = paths;
    this.#watch = watchFiles(paths, () => this.#look());
  }

  /** Certificates and credentials are taken up by themselves, whatever is wrong with the rest. */
  #hasOwnWatch(path: string): boolean {
    const { listen, coreapp } = this.#config;
    const { ca, cert, key } = listen.tls?.files ?? {};
    return [ca, cert, key].some((file) => file?.path === path) || coreapp.credentials.some(({ file }) => file === path);
  }

  #look(): void {
    if (this.#closed || !this.#hasChanged()) return;
    if (this.#current === null) void this.reload('file');
    // The one that is under way may have read it by now.
    else
      this.#lookAgain ??= this.#current.then(() => {
        this.#lookAgain = null;
        this.#look();
      });
  }

  #hasChanged(): boolean {
    const texts = this.#watched.flatMap((path) => [path, textOf(attempt(() => readAgain(path)))]);
    return digestOf(texts) !== this.#digest;
  }
}

const textOf = (read: ReturnType<typeof attempt>): string => (read.ok ? read.text : String(read.error));
