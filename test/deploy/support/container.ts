/** A container of Weir's image, and how it went. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { until } from '../../support/until.ts';
import { image } from './image.ts';
import { podman, podmanSaid, type Said } from './podman.ts';

interface ContainerOptions {
  /** What stands behind the image's name: a command of Weir. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Options of `podman run`. Default: the network of this machine. */
  readonly options?: readonly string[];
  readonly image?: string;
}

export interface Serving {
  readonly url: string;
  readonly opsUrl: string;
  /** When it said so, as `Date.now()` counts. */
  readonly time: number;
  /** Weir's own. */
  readonly version: string;
}

/** How a container should be run: everything forbidden that Weir does not need. */
export const hardened = [
  ...['--read-only', '--read-only-tmpfs=false', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'],
  ...['--user', '20002', '--memory', '256m'],
] as const;

export const hostNetwork = ['--network', 'host'] as const;

function runArguments(options: ContainerOptions): string[] {
  const env = Object.entries(options.env ?? {}).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  // Podman would have systemd run the health checks.
  const how = ['--health-interval', 'disable', ...(options.options ?? hostNetwork)];
  return [...how, ...env, options.image ?? image, ...(options.args ?? [])];
}

/** Runs a container to its end. */
export async function runContainer(options: ContainerOptions): Promise<Said> {
  return await podmanSaid('run', '--rm', ...runArguments(options));
}

export class Container implements AsyncDisposable {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  /** Resolves once the process has been started; whether it is ready is another question. */
  static async start(options: ContainerOptions = {}): Promise<Container> {
    const name = `weir-${randomBytes(4).toString('hex')}`;
    await podman('run', '--detach', '--name', name, ...runArguments(options));
    return new Container(name);
  }

  /** Its first process as this machine sees it. */
  async pid(): Promise<number> {
    return Number(await this.#state('Pid'));
  }

  /**
   * How long its process took from its start to serving, without the time that it stood in the kernel's queue for a
   * processor: who else is busy on this machine is not its doing.
   */
  async startMs(): Promise<number> {
    const { time } = await this.serving();
    const pid = await this.pid();
    const ticks = Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]);
    const upMs = 1_000 * Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    const queuedNs = Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]);
    return time - (Date.now() - upMs + 10 * ticks) - queuedNs / 1e6;
  }

  async #state(name: string): Promise<string> {
    return await podman('inspect', '--format', `{{.State.${name}}}`, this.name);
  }

  /** Everything it has written, both streams, a line each. */
  async logs(): Promise<string[]> {
    const { stdout, stderr } = await podmanSaid('logs', this.name);
    return [...stdout.split('\n'), ...stderr.split('\n')];
  }

  /** Where the Weir in it serves, once it does; on the network of this machine. */
  async serving(): Promise<Serving> {
    const line = await until(async () => (await this.logs()).find((text) => text.includes('"msg":"serving"')), {
      what: `${this.name} to serve`,
    });
    const { port, opsPort, time, version } = JSON.parse(line) as {
      readonly port: number;
      readonly opsPort: number;
      readonly time: string;
      readonly version: string;
    };
    const [url, opsUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${opsPort}`];
    return { url, opsUrl, time: Date.parse(time), version };
  }

  /** Runs another program in it. */
  async exec(...command: readonly string[]): Promise<string> {
    return await podman('exec', this.name, ...command);
  }

  /** What a JavaScript expression comes to in it. */
  async found(expression: string): Promise<unknown> {
    return JSON.parse(await this.exec('node', '-p', `JSON.stringify(${expression})`));
  }

  /** What HEALTHCHECK finds; rejects where that is "unhealthy". */
  async checkHealth(): Promise<void> {
    await podman('healthcheck', 'run', this.name);
  }

  /** The exit code, when it has ended. */
  async ended(): Promise<number> {
    return Number(await podman('wait', this.name));
  }

  /** `podman stop`, as an orchestrator does it: SIGTERM, and SIGKILL after the grace time. Resolves to the exit code. */
  async stop(graceS = 45): Promise<number> {
    await podman('stop', '--time', `${graceS}`, this.name);
    return await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await podman('rm', '--force', '--volumes', '--time', '0', this.name);
  }
}
