import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 5;

/**
 * How long a process has to wait for a busy machine, as this one feels it. What is promised in milliseconds is promised for a
 * machine that has time; on another it takes as much longer.
 */
export function measureHesitation(): { readonly maxMs: () => number; readonly stop: () => void } {
  const histogram = monitorEventLoopDelay({ resolution: resolutionMs });
  histogram.enable();
  return {
    maxMs: () => Math.max(0, histogram.max / 1e6 - resolutionMs),
    stop: () => void histogram.disable(),
  };
}
