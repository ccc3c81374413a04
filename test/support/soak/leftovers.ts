/** What a process holds that it should not hold for long: descriptors, timers, files, and what Weir itself counts. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { ask } from '../ask.ts';
import { until } from '../until.ts';
import type { RunningWeir } from '../weir.ts';

interface Holdings {
  /** Descriptors that are open, by number: what they are. */
  readonly descriptors: ReadonlyMap<string, string>;
  /** Timers that keep the process running. */
  readonly timers: number;
  readonly files: readonly string[];
}

/** One look may miss what is there as a rule: a timer that is set anew in a moment, a connection that is opened anew. */
const looks = 20;

/**
 * What it holds while nothing happens: the most of some looks.
 * @param folder where the process puts its temporary files
 */
export async function holdingsAtRest(weir: RunningWeir, folder: string): Promise<Holdings> {
  let most = await holdingsOf(weir, folder);
  for (let look = 1; look < looks; look++) {
    const now = await holdingsOf(weir, folder);
    const { descriptors } = now.descriptors.size > most.descriptors.size ? now : most;
    most = { ...now, descriptors, timers: Math.max(now.timers, most.timers) };
  }
  return most;
}

async function holdingsOf(weir: RunningWeir, folder: string): Promise<Holdings> {
  const metrics = (await ask('GET', `${weir.opsUrl}/metrics`)).text;
  const timers = /^nodejs_active_resources\{type="Timeout"\} (\d+)/m.exec(metrics)?.[1];
  return {
    descriptors: await descriptorsOf(weir.process.pid),
    timers: Number(timers ?? 0),
    files: (await readdir(folder, { recursive: true })).toSorted(),
  };
}

async function descriptorsOf(pid: number): Promise<Map<string, string>> {
  const folder = `/proc/${pid}/fd`;
  const found = new Map<string, string>();
  for (const descriptor of await readdir(folder)) {
    // It may have been closed since.
    const target = await readlink(`${folder}/${descriptor}`).catch(() => undefined);
    if (target !== undefined) found.set(descriptor, target);
  }
  return found;
}

/** Sockets by their inode: addresses (hexadecimal) and state, as the kernel shows them (proc(5), `net/tcp`). */
async function socketsOf(pid: number): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of (await readFile(`/proc/${pid}/net/${table}`, 'utf8')).split('\n').slice(1)) {
      const [, local, remote, state, , , , , , inode] = line.trim().split(/ +/);
      found.set(`socket:[${inode}]`, `${table} ${local} to ${remote}, state ${state}`);
    }
  }
  return found;
}

/** Names the descriptors that are new: a number alone tells nobody what was left. */
async function describeDescriptors(pid: number, now: Holdings, before: Holdings): Promise<string> {
  const sockets = await socketsOf(pid);
  const more = [...now.descriptors].filter(([, target]) => ![...before.descriptors.values()].includes(target));
  const told = more.map(([descriptor, target]) => `${descriptor}: ${sockets.get(target) ?? target}`);
  return `${now.descriptors.size} descriptors, ${before.descriptors.size} before; new are ${told.join('; ')}`;
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
  if (now.descriptors.size > before.descriptors.size) {
    left.push(await describeDescriptors(weir.process.pid, now, before));
  }
  if (now.timers > before.timers) left.push(`${now.timers} timers, ${before.timers} before`);
  const files = now.files.filter((file) => !before.files.includes(file));
  if (files.length > 0) left.push(`files: ${files.join(', ')}`);
  return left;
}
