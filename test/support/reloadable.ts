/** A Weir in this process whose configuration is in real files, which the test changes. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { machineClock } from '../../src/adapters/node/clock.ts';
import { Reload } from '../../src/app/reload.ts';
import type { Config } from '../../src/config/config.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { ReloadReport } from '../../src/ops/ports.ts';
import { asTested, startAppOf, type TestApp, testEnv } from './app.ts';

export interface ReloadableApp extends TestApp {
  readonly folder: string;
  readonly reloads: Reload;
  /** Writes a file of the folder, at once as an editor does: under another name first. */
  write(name: string, text: string): void;
  /** Writes `weir.yaml`, and has it read. */
  change(yaml: string): Promise<ReloadReport>;
}

/** @param files others in the folder; in texts `FOLDER` stands for its path */
export async function startReloadable(
  coreappUrl: string,
  yaml: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
  prepare: (folder: string) => void = () => {},
): Promise<ReloadableApp> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-reload-'));
  prepare(folder);
  const write = (name: string, text: string): void => {
    writeFileSync(join(folder, `.${name}`), text.replaceAll('FOLDER', folder));
    renameSync(join(folder, `.${name}`), join(folder, name));
  };
  for (const [name, text] of Object.entries({ ...files, 'weir.yaml': yaml })) write(name, text);
  const sources = { file: join(folder, 'weir.yaml'), env: { ...testEnv, ...env } };
  const loaded = loadConfig({ ...sources, readFile: (path) => readFileSync(path, 'utf8') });
  if (!loaded.ok) throw new Error(`refused: ${JSON.stringify(loaded.problems)}`);
  const adapt = (config: Config): Config => asTested(config, yaml);
  const config = adapt(loaded.config);
  const app = await startAppOf(config, coreappUrl, loaded.hash);
  const { clock: _, meter, log } = app.services;
  const reloads = new Reload({
    sources,
    config,
    notes: loaded.notes,
    running: app.running,
    adapt,
    apply: (next) => app.apply(next),
    clock: machineClock,
    meter,
    log,
  });
  app.onReload(() => reloads.reload('command'));
  return Object.assign(app, {
    folder,
    reloads,
    write,
    async change(text: string) {
      write('weir.yaml', text);
      return await reloads.reload('command');
    },
    async [Symbol.asyncDispose]() {
      reloads.close();
      await app.close(0);
      rmSync(folder, { recursive: true, force: true });
    },
  });
}
