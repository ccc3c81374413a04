/** The chart's own Pods, run by `podman kube play` on this machine's network. */
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../../../support/ports.ts';
import { until } from '../../../support/until.ts';
import { image } from '../image.ts';
import { cache, podman, podmanSaid, type Said } from '../podman.ts';
import { type Manifest, namespace, one, rendered } from './manifests.ts';

// biome-ignore lint/suspicious/noExplicitAny: the types of Kubernetes have judged it (types.ts)
type Spec = any;

interface PodOptions {
  /** Values on top of the three and of the image. */
  readonly values: readonly string[];
  /** The example of the sidecar form: its chart, and where its Coreapp listens on loopback. Not there: the chart's own Pod. */
  readonly example?: { readonly path: string; readonly coreappPort: number };
  /** What the Secrets have, by their names in the values: `redis`, `auth`. */
  readonly secrets: Readonly<Partial<Record<'redis' | 'auth', Readonly<Record<string, string>>>>>;
  /** Further Secrets, by names of their own. */
  readonly further?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

export class Pod implements AsyncDisposable {
  readonly url: string;
  readonly opsUrl: string;
  /** As the chart renders them, before anything is taken out. */
  readonly manifests: readonly Manifest[];
  readonly #file: string;
  readonly #volumes: readonly string[];
  readonly #id: string;
  readonly #container: string;

  private constructor(made: Made, id: string, container: string) {
    this.url = `http://127.0.0.1:${made.port}`;
    this.opsUrl = `http://127.0.0.1:${made.opsPort}`;
    this.manifests = made.manifests;
    this.#file = made.file;
    this.#volumes = made.volumes;
    this.#id = id;
    this.#container = container;
  }

  /** Resolves once its process has been started; whether it serves is another question. */
  static async play(options: PodOptions): Promise<Pod> {
    const made = await manifestsFor(options);
    const said = await podman('kube', 'play', made.file);
    const id = /^Pod:\n(\S+)/m.exec(said)?.[1];
    if (id === undefined) throw new Error(`podman kube play said: ${said}`);
    const names = await podman('ps', '--all', '--filter', `pod=${id}`, '--format', '{{.Names}}');
    const container = names.split('\n').find((name) => name.endsWith('-weir'));
    if (container === undefined) throw new Error(`no container of ${names} is Weir's`);
    return new Pod(made, id, container);
  }

  async logs(): Promise<string[]> {
    const { stdout, stderr } = await podmanSaid('logs', this.#container);
    return `${stdout}\n${stderr}`.split('\n').filter((line) => line !== '');
  }

  async serving(): Promise<void> {
    await until(async () => (await this.logs()).some((line) => line.includes('"msg":"serving"')), {
      what: 'the Pod to serve',
    });
  }

  /** What a JavaScript expression comes to in it. */
  async found(expression: string): Promise<unknown> {
    return JSON.parse(await podman('exec', this.#container, 'node', '-p', `JSON.stringify(${expression})`));
  }

  /** As Kubernetes stops it: SIGTERM, and SIGKILL after the time that the Deployment gives. Resolves to the exit code. */
  async stop(): Promise<number> {
    const { terminationGracePeriodSeconds } = one(this.manifests, 'Deployment').spec.template.spec;
    await podman('pod', 'stop', '--time', `${terminationGracePeriodSeconds}`, this.#id);
    return await this.ended();
  }

  /** The exit code, when it has ended. */
  async ended(): Promise<number> {
    return Number(await podman('wait', this.#container));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await podman('pod', 'rm', '--force', '--time', '0', this.#id);
    await podman('volume', 'rm', '--force', ...this.#volumes);
    await rm(this.#file);
  }
}

interface Made {
  readonly port: number;
  readonly opsPort: number;
  readonly manifests: readonly Manifest[];
  readonly file: string;
  readonly volumes: readonly string[];
}

async function manifestsFor({ values, secrets, further = {}, example }: PodOptions): Promise<Made> {
  const name = `weir-${randomBytes(4).toString('hex')}`;
  const [port, opsPort] = [await freePort(), await freePort()];
  const [repository, tag] = image.split(':');
  const given = [
    ...[`fullnameOverride=${name}`, `image.repository=${repository}`, `image.tag=${tag}`],
    ...[`redis.existingSecret=${name}-redis`, `auth.existingSecret=${name}-auth`],
    ...[`config.listen.port=${port}`, `config.ops.port=${opsPort}`, ...values],
  ].map((value) => (example === undefined ? value : `weir.${value}`));
  const manifests = rendered(
    'helm 3',
    given.flatMap((value) => ['--set', value]),
    example?.path,
  );
  const deployment = structuredClone(one(manifests, 'Deployment'));
  deployment.spec.replicas = 1;
  const { spec } = deployment.spec.template;
  if (example !== undefined) simulatorBeside(spec, example.coreappPort);
  forPodman(spec);
  const own = Object.fromEntries(Object.entries(secrets).map(([of, data]) => [`${name}-${of}`, data]));
  const all = Object.entries({ ...own, ...further });
  const configMaps = all.map(([of, data]) => configMap(of, data));
  const file = join(cache, `${name}.yaml`);
  const played = [one(manifests, 'ConfigMap'), ...configMaps, deployment];
  await writeFile(file, played.map((manifest) => stringify(manifest)).join('---\n'));
  return { port, opsPort, manifests, file, volumes: [name, ...all.map(([of]) => of), 'weir-tmp'] };
}

/** The example's Coreapp is the simulator. Podman 4.3 knows no native sidecars: it waits for init containers to end. */
function simulatorBeside(spec: Spec, port: number): void {
  const [coreapp] = spec.initContainers;
  delete spec.initContainers;
  delete coreapp.restartPolicy;
  Object.assign(coreapp, { image, args: ['simulate', '--port', `${port}`] });
  spec.containers.unshift(coreapp);
}

const configMap = (name: string, data: Readonly<Record<string, string>>): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace },
  data,
});

/** What podman 4.3 without systemd and without a network of containers can't do is taken out, and nothing else. */
function forPodman(spec: Spec): void {
  spec.hostNetwork = true;
  for (const container of spec.containers) {
    delete container.ports;
    // It would have systemd run curl in the container. The tests ask what the probes would.
    for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) delete container[probe];
  }
  // It mounts Secrets without decoding them, and none at all that are optional; ConfigMaps are the same to a container.
  for (const volume of spec.volumes ?? []) {
    if (volume.secret === undefined) continue;
    volume.configMap = { name: volume.secret.secretName };
    delete volume.secret;
  }
}

/** Runs the Pod of `helm test` to its end. */
export async function playTest(pod: Pod): Promise<Said> {
  const test = structuredClone(one(pod.manifests, 'Pod'));
  forPodman(test.spec);
  const [container] = test.spec.containers;
  const env = [...Object.entries({ MAIN: pod.url, OPS: pod.opsUrl })].flatMap(([name, value]) => [
    '--env',
    `${name}=${value}`,
  ]);
  const [entrypoint, ...command] = container.command as [string, ...string[]];
  const how = [
    '--rm',
    '--network',
    'host',
    '--read-only',
    '--cap-drop',
    'ALL',
    '--user',
    `${test.spec.securityContext.runAsUser}`,
  ];
  return await podmanSaid(
    'run',
    ...how,
    ...env,
    '--health-interval',
    'disable',
    '--entrypoint',
    entrypoint,
    container.image,
    ...command,
    ...container.args,
  );
}
