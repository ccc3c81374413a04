/** What helm renders, as values; and how a chart is rendered. */
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { type HelmName, helm } from './tools.ts';

export const chart = fileURLToPath(new URL('../../../../helm', import.meta.url));

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  // biome-ignore lint/suspicious/noExplicitAny: what is in it is for the types of Kubernetes to judge (types.ts)
  readonly spec?: any;
  readonly data?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
  readonly automountServiceAccountToken?: boolean;
}

interface Metadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Labels;
  readonly annotations?: Labels;
}

export type Labels = Readonly<Record<string, string>>;

const releaseName = 'weir';
export const namespace = 'messaging';

/** `helm template` with further arguments. */
export const template = (name: HelmName, args: readonly string[], path = chart) =>
  helm(name, ['template', releaseName, path, '--namespace', namespace, ...args]);

/** What `helm template` makes of it; throws with what it said. */
export function rendered(name: HelmName, args: readonly string[], path = chart): Manifest[] {
  const said = template(name, args, path);
  if (!said.ok) throw new Error(`helm template ${args.join(' ')}: ${said.stderr}`);
  return manifestsOf(said.stdout);
}

/** A key twice in one map is an error, as for a strict server. */
function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true }).flatMap((document) => {
    if (document.errors[0] !== undefined) throw document.errors[0];
    const value = document.toJS() as Manifest | null;
    return value === null ? [] : [value];
  });
}

export const ofKind = (manifests: readonly Manifest[], kind: string): Manifest[] =>
  manifests.filter((manifest) => manifest.kind === kind);

/** The one of a kind. */
export function one(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = ofKind(manifests, kind).filter((manifest) => name === undefined || manifest.metadata.name === name);
  if (found.length !== 1) throw new Error(`${found.length} of the kind ${kind}, one is expected`);
  return found[0] as Manifest;
}

/** Weir's own configuration, as its ConfigMap has it. */
export function configOf(manifests: readonly Manifest[]): string {
  const found = ofKind(manifests, 'ConfigMap').flatMap(({ data }) => data?.['weir.yaml'] ?? []);
  if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} ConfigMaps with a weir.yaml`);
  return found[0];
}

export const nameOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`;

export const matches = (selector: Labels, labels: Labels): boolean =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

export interface PodTemplate {
  /** Whose it is. */
  readonly name: string;
  readonly labels: Labels;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly spec: any;
}

/** Every Pod that comes of the manifests. */
export const podsOf = (manifests: readonly Manifest[]): PodTemplate[] =>
  manifests.flatMap((manifest) => {
    if (manifest.kind === 'Pod') return [podOf(manifest, manifest)];
    return manifest.kind === 'Deployment' ? [podOf(manifest, manifest.spec.template as Manifest)] : [];
  });

const podOf = (owner: Manifest, { metadata, spec }: Manifest): PodTemplate => ({
  name: nameOf(owner),
  labels: metadata.labels ?? {},
  spec,
});
