/** Whether the Weir in this container serves: the image's HEALTHCHECK. Exit code 0 or 1; why not stands on stderr. */
import { readFileSync } from 'node:fs';
import { ready } from './commands/ready.ts';

process.exitCode = await ready(process.env, {
  out() {},
  err: (line) => console.error(line),
  readFile: (path) => readFileSync(path, 'utf8'),
});
