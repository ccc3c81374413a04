/** Fetches and builds what the tests of deployment and of the page begin with. CI does so beside `npm test`: it takes minutes. */
import { provideBase } from './support/base.ts';
import { provideBrowser, provideMachine } from './support/machine.ts';
import { configurePodman } from './support/podman.ts';

provideBrowser();
if (provideMachine().containers === null) {
  configurePodman();
  provideBase();
}
