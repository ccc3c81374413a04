/**
 * Manifests against the types of Kubernetes, the Prometheus operator, the Gateway API, KEDA and Traefik. TypeScript judges each as a literal
 * of its kind's interface: wrong types, missing and unknown fields. The packages' own validators then judge what types
 * can't say, such as formats and bounds.
 */
import { existsSync } from 'node:fs';
import ts from 'typescript';
import { type Manifest, nameOf } from './manifests.ts';
import { fromTools, toolsFile } from './tools.ts';

const packages: Readonly<Record<string, string>> = {
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator/',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api/',
  'keda.sh': '@kubernetes-models/keda/',
  'traefik.io': '@kubernetes-models/traefik/',
};

/** `apps/v1/Deployment` in its package. */
function modulePath({ apiVersion, kind }: Manifest): string {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] as string) : '';
  return `${packages[group] ?? 'kubernetes-models/'}${apiVersion}/${kind}`;
}

/** A line for each fault; `told` says in which lot of manifests. */
export async function typeFaults(lots: Readonly<Record<string, readonly Manifest[]>>): Promise<string[]> {
  const all = Object.entries(lots).flatMap(([told, manifests]) => manifests.map((manifest) => ({ told, manifest })));
  const unknown = all
    .filter(({ manifest }) => !existsSync(toolsFile(`${modulePath(manifest)}.d.ts`)))
    .map(({ told, manifest }) => `${told}: ${nameOf(manifest)}: no kind ${manifest.kind} of ${manifest.apiVersion}`);
  if (unknown.length > 0) return unknown;
  const validated = await Promise.all(
    all.map(async ({ told, manifest }) =>
      (await validate(manifest)).map((fault) => `${told}: ${nameOf(manifest)}: ${fault}`),
    ),
  );
  return [...compile(all), ...validated.flat()];
}

interface Told {
  readonly told: string;
  readonly manifest: Manifest;
}

/** Each on one line of a file that is only thought of, so that a fault's line says whose it is. */
function compile(all: readonly Told[]): string[] {
  const file = toolsFile('manifests.ts');
  const text = all
    .map(({ manifest }, index) => {
      const type = `import(${JSON.stringify(`./${modulePath(manifest)}.js`)}).I${manifest.kind}`;
      return `export const m${index}: ${type} = ${JSON.stringify(manifest)};`;
    })
    .join('\n');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    exactOptionalPropertyTypes: true,
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2024,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const real = ts.createCompilerHost(options);
  host.fileExists = (name) => name === file || real.fileExists(name);
  host.getSourceFile = (name, ...more) =>
    name === file ? ts.createSourceFile(name, text, ts.ScriptTarget.ES2024) : real.getSourceFile(name, ...more);
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map((fault) => {
    const words = ts.flattenDiagnosticMessageText(fault.messageText, ' ');
    const line = fault.file?.getLineAndCharacterOfPosition(fault.start ?? 0).line;
    const whose = fault.file?.fileName === file ? all[line ?? -1] : undefined;
    return whose === undefined ? words : `${whose.told}: ${nameOf(whose.manifest)}: ${words}`;
  });
}

async function validate(manifest: Manifest): Promise<string[]> {
  const module = (await fromTools(`${modulePath(manifest)}.js`)) as Record<string, new (data: unknown) => Model>;
  try {
    new (module[manifest.kind] as new (data: unknown) => Model)(manifest).validate();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

interface Model {
  validate(): void;
}
