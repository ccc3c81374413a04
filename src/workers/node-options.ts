/** Options of Node for a worker: its part of the heap that one process would have, and an inspector of its own. */

/** V8 needs some tens of MiB for Weir itself. */
const leastMib = 64;

/** Options of Node for a worker. @param limitBytes of the parent's heap, by its own options or by Node's default */
export function heapOptions(limitBytes: number, workers: number): string[] {
  return [`--max-old-space-size=${Math.max(leastMib, Math.floor(limitBytes / workers / 2 ** 20))}`];
}

/** The parent's other options: those that set the heap of the whole would override these. */
export function withoutHeapOptions(options: readonly string[]): string[] {
  return options.filter((option) => !/^--max[-_]old[-_]space[-_]size/.test(option));
}

/** What makes a debugger's port another one in each worker, where there is one: its parent has the one that was named. */
export function inspectorOptions(options: readonly string[]): string[] {
  return options.some((option) => option.startsWith('--inspect')) ? ['--inspect-port=0'] : [];
}
