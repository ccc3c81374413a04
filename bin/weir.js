#!/usr/bin/env node
// Node runs Weir from the version on that `engines` names; say so plainly on an older one.
import { existsSync, readFileSync } from 'node:fs';

// At SIGUSR1 Node would open its inspector (src/commands/inspector.ts). What the file of that name does is done here for
// the time until it is loaded.
process.on('SIGUSR1', () => {});

const { engines } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
const least = engines.node.replace('>=', '');
const [leastMajor, leastMinor] = least.split('.').map(Number);
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < leastMajor || (major === leastMajor && minor < leastMinor)) {
  console.error(`weir: this is Node ${process.versions.node}; Weir needs Node ${least} or later (26 is recommended).`);
  process.exit(1);
}
// For the first process of a container signals have no default action: one that comes before main.ts listens would be
// lost, and the stop take until the orchestrator kills.
if (process.pid === 1) {
  for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143 })) {
    process.on(signal, () => {
      if (process.listenerCount(signal) === 1) process.exit(code);
    });
  }
}
// In the repository Node runs the sources as they are. Below node_modules it strips no types: a package has, as the image
// does, what scripts/strip-types.ts makes of them.
const sources = new URL('../src/main.ts', import.meta.url);
await import(existsSync(sources) ? sources.href : '../dist/main.js');
