import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Kills whatever is still on the leash once this process is gone, however it went: the pipe then ends, which not even
 * SIGKILL can prevent. A process of its own (and of its own session, so that Ctrl-C spares it), since nobody can
 * clean up after their own SIGKILL.
 */
const keeper = `
pids=' '
while read -r verb pid; do
  case $verb in
    take) pids="$pids$pid " ;;
    free) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
`;

let pipe: Socket | undefined;

function tell(line: string): void {
  if (pipe === undefined) {
    const shell = spawn('/bin/sh', ['-c', keeper], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    shell.unref();
    pipe = shell.stdin as Socket;
    pipe.unref();
  }
  pipe.write(`${line}\n`);
}

/** Makes sure that a child does not outlive this process. */
export function leash<C extends ChildProcess>(child: C): C {
  const { pid } = child;
  if (pid === undefined) return child; // It never started; 'error' says why.
  tell(`take ${pid}`);
  child.once('exit', () => tell(`free ${pid}`));
  return child;
}
