/** What another process takes: its memory, and its CPU time, all its threads together: `utime` and `stime` of `/proc/PID/stat` (Linux only). */
import { readFileSync } from 'node:fs';

/** Linux shows them in hundredths of a second on every architecture (USER_HZ), whatever the kernel's own tick is. */
const tickMs = 10;

export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The second field is the command in brackets and may hold anything, so counting starts behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}

/** Resident memory, KiB. */
export function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}
