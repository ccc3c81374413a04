/** A real Prometheus on loopback, and its tools. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { leash } from '../../support/leash.ts';
import { freePort } from '../../support/ports.ts';
import { until } from '../../support/until.ts';

const run = promisify(execFile);

/** What a program said, both streams; rejects with the same where it failed. */
export async function said(program: string, args: readonly string[], stdin?: string): Promise<string> {
  const running = run(program, args, { maxBuffer: 64 * 2 ** 20 });
  running.child.stdin?.end(stdin);
  const { stdout, stderr } = await running;
  return stdout + stderr;
}

interface Target {
  readonly job: string;
  /** `127.0.0.1:9464` */
  readonly addresses: readonly string[];
  readonly path: string;
  /** What Kubernetes would say of them. */
  readonly labels?: Readonly<Record<string, string>>;
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [at: number, value: string];
}

export interface Curve {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [atS: number, value: string])[];
}

export class Prometheus implements AsyncDisposable {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(url: string, child: ChildProcess, folder: string) {
    this.url = url;
    this.#child = child;
    this.#folder = folder;
  }

  /**
   * Scrapes every second.
   * @param features what it can do if it is told to: `native-histograms`, …
   */
  static async start(
    targets: readonly Target[],
    ruleFiles: readonly string[],
    features: readonly string[] = [],
  ): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'weir-prometheus-'));
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ruleFiles,
      scrape_configs: targets.map(({ job, addresses, path, labels = {} }) => ({
        job_name: job,
        metrics_path: path,
        static_configs: [{ targets: addresses, labels }],
      })),
    };
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config)); // JSON is YAML.
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
        ...features.map((feature) => `--enable-feature=${feature}`),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-4_000);
    });
    const prometheus = new Prometheus(`http://${address}`, leash(child), folder);
    try {
      await until(async () => (await fetch(`${prometheus.url}/-/ready`)).ok, {
        what: 'Prometheus to be ready',
      });
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw new Error(`${(error as Error).message}\nIt said:\n${log}`);
    }
    return prometheus;
  }

  async query(expr: string): Promise<readonly Series[]> {
    const answer = (await this.get(`query?query=${encodeURIComponent(expr)}`)) as {
      readonly result: readonly Series[];
    };
    return answer.result;
  }

  /** What an expression comes to, second by second. */
  async queryRange(expr: string, fromS: number, toS: number): Promise<readonly Curve[]> {
    const query = `query=${encodeURIComponent(expr)}&start=${fromS}&end=${toS}&step=1`;
    return ((await this.get(`query_range?${query}`)) as { readonly result: readonly Curve[] }).result;
  }

  /** What is below `/api/v1/`: the answer's data, or an error with Prometheus's own words. */
  async get(path: string): Promise<unknown> {
    const response = await fetch(`${this.url}/api/v1/${path}`);
    const { status, error, data } = (await response.json()) as { status: string; error?: string; data: unknown };
    if (status !== 'success') throw new Error(`${path}: ${error}`);
    return data;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
