/** helm/examples/sidecar: a chart that has Weir in its Pod, with Weir's chart as its dependency. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { chart } from './manifests.ts';
import { type HelmName, helm } from './tools.ts';

/** Its path in a copy of the chart, since building its dependency writes into it. */
export async function exampleIn(folder: string, name: HelmName): Promise<string> {
  const copy = join(folder, `chart-of-${name.at(-1)}`);
  await cp(chart, copy, { recursive: true });
  const path = join(copy, 'examples/sidecar');
  const built = helm(name, ['dependency', 'build', path]);
  if (!built.ok) throw new Error(`helm dependency build: ${built.stderr}`);
  return path;
}
