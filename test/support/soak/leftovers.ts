/** What a process holds that it should not hold for long: descriptors, timers, files, and what Weir itself counts. */
import { readdir } from 'node:fs/promises';
import { ask } from '../ask.ts';
import { until } from '../until.ts';
import type { RunningWeir } from '../weir.ts';

interface Holdings {
  /** Descriptors that are open. */
  readonly descriptors: number;
  /** Timers that keep the process running. */
  readonly timers: number;
  readonly files: readonly string[];
}

/** @param folder where the process puts its temporary files */
export async function holdingsOf(weir: RunningWeir, folder: string): Promise<Holdings> {
  const metrics = (await ask('GET', `${weir.opsUrl}/metrics`)).text;
  const timers = /^nodejs_active_resources\{type="Timeout"\} (\d+)/m.exec(metrics)?.[1];
  return {
    descriptors: (await readdir(`/proc/${weir.process.pid}/fd`)).length,
    timers: Number(timers ?? 0),
    files: (await readdir(folder, { recursive: true })).toSorted(),
  };
}

interface Status {
  readonly lines: readonly { readonly class: string; readonly requests: number; readonly bytes: number }[];
  readonly permits: readonly { readonly class: string; readonly inUse: number }[];
}

/** Waits until nothing more is held than before; returns what is left over after all. Idle connections may take 4 s. */
export async function leftovers(weir: RunningWeir, folder: string, before: Holdings): Promise<string[]> {
  let found = ['it does not tell what it holds'];
  const isClean = async (): Promise<boolean> => {
    found = await stillHeld(weir, folder, before);
    return found.length === 0;
  };
  await until(isClean, { what: 'nothing to be left over' }).catch(() => {});
  return found;
}

async function stillHeld(weir: RunningWeir, folder: string, before: Holdings): Promise<string[]> {
  const status = (await ask('GET', `${weir.opsUrl}/status`)).json as Status;
  const now = await holdingsOf(weir, folder);
  const left: string[] = [];
  for (const { class: name, requests, bytes } of status.lines) {
    if (requests + bytes > 0) left.push(`the line of ${name} holds ${requests} requests, ${bytes} bytes`);
  }
  for (const { class: name, inUse } of status.permits) if (inUse > 0) left.push(`${inUse} permits of ${name} are out`);
  if (now.descriptors > before.descriptors) left.push(`${now.descriptors} descriptors, ${before.descriptors} before`);
  if (now.timers > before.timers) left.push(`${now.timers} timers, ${before.timers} before`);
  const files = now.files.filter((file) => !before.files.includes(file));
  if (files.length > 0) left.push(`files: ${files.join(', ')}`);
  return left;
}
