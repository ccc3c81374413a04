/** How many files this process may have open, and has. */
import { readdirSync, readFileSync } from 'node:fs';

/** How many a process has that has just started, where they can't be counted. */
const usual = 40;

/** The soft limit; Node raises it to the hard one at its start. Null: there is none, or the system does not tell. */
export function openFilesMax(): number | null {
  const limits = limitsOfLinux() ?? reported();
  return limits === null || !Number.isFinite(limits) ? null : limits;
}

export function openFiles(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return usual;
  }
}

function limitsOfLinux(): number | null {
  try {
    const found = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
    return found === undefined ? null : Number(found);
  } catch {
    return null;
  }
}

/** Slow, since a report has much else in it. */
function reported(): number | null {
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : null;
}
