/** A worker: one of several processes that serve a port as one replica. `weir serve` starts it (`src/workers/`). */
import { keepInspectorClosed } from './commands/inspector.ts';

keepInspectorClosed();
const { work } = await import('./commands/work.ts');
process.exitCode = await work();
// As in main.ts: nothing that somebody forgot keeps it alive.
process.exit();
