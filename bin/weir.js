#!/usr/bin/env node
// Node 24.7 and later run the TypeScript sources as they are; say so plainly where an older one is found.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 24 || (major === 24 && minor < 7)) {
  console.error(`weir: this is Node ${process.versions.node}; Weir needs Node 24.7 or later (26 is recommended).`);
  process.exit(1);
}
await import('../src/main.ts');
