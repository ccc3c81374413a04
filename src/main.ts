/** The command line. It first does what can't wait, since the rest takes a while to load. */
import { keepInspectorClosed } from './commands/inspector.ts';

keepInspectorClosed();
const { run } = await import('./commands/commands.ts');
process.exitCode = await run(process.argv.slice(2));
// A timer or a connection that somebody forgot must not keep a stopped process alive.
process.exit();
