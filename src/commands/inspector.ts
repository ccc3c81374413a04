/**
 * At SIGUSR1 Node would open its inspector: anybody who reaches that port can run code in the process. A listener for
 * the signal keeps it shut. A process that was started with `--inspect` has it open, as asked.
 */
export function keepInspectorClosed(): void {
  process.on('SIGUSR1', () => {});
}
