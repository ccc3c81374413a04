/**
 * Before the tests of deployment: packages, podman, the base of the image. What can't be had makes them skip, loudly; in CI
 * a test that is skipped has failed (test/support/summary-reporter.ts).
 */
import type { TestProject } from 'vitest/node';
import { baseName, provideBase } from './base.ts';
import { type Lacking, provideMachine } from './machine.ts';
import { configurePodman, podmanNow } from './podman.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** For `describe.skipIf(lacking.containers !== null)`. */
    readonly lacking: Lacking;
  }
}

export function setup({ provide }: TestProject): void {
  const { containers, prometheus, systemd } = provideMachine();
  const lacking = { prometheus, systemd, containers: containers ?? refusedContainers() };
  if (lacking.containers !== null) told('no image is built and no container run on this machine', lacking.containers);
  if (lacking.prometheus !== null) told('nothing is scraped', lacking.prometheus);
  if (lacking.systemd !== null) told('no unit is verified, and no message sent to systemd', lacking.systemd);
  provide('lacking', lacking);
}

function told(what: string, why: string): void {
  console.log(`\nweir: SKIPPED: ${what}: ${why}.\n`);
}

/** Podman, its folders and the base are there afterwards. Not null: what the kernel of this machine refuses. */
function refusedContainers(): string | null {
  configurePodman();
  // A run that was killed has left them.
  podmanNow(['rm', '--all', '--force', '--volumes', '--time', '0']);
  provideBase();
  const limits = ['--memory', '256m', '--network', 'none', '--read-only', '--cap-drop', 'ALL'];
  const { problem } = podmanNow(['run', '--rm', ...limits, baseName(), 'true']);
  return problem === null ? null : `podman can start none (${problem.split('\n').at(-1)})`;
}
