/**
 * At SIGUSR1 Node would open its inspector, through which whoever can reach the port runs code in the process. It does
 * not while somebody listens to the signal. A process that was started with `--inspect` has it open, as it was asked
 * to.
 */
export function keepInspectorClosed(): void {
  process.on('SIGUSR1', () => {});
}
