/**
 * What systemd is told of the service (sd_notify(3)). Node has no datagram sockets of AF_UNIX, so each message is sent by
 * `systemd-notify`, one after the other; the unit has to say `NotifyAccess=all`.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A message that takes longer is given up. */
const sendMaxMs = 10_000;

/** Sends a message of several assignments. Rejects where it could not be sent. */
export type Send = (assignments: readonly string[]) => Promise<void>;

/** Null: no service manager wants to be told. */
export function systemdNotify(env: Readonly<Record<string, string | undefined>>): Send | null {
  const { NOTIFY_SOCKET: socket, PATH: path } = env;
  if (socket === undefined || socket === '') return null;
  // Nothing else of the environment: it has secrets.
  const options = { env: { NOTIFY_SOCKET: socket, PATH: path }, timeout: sendMaxMs };
  let last = Promise.resolve();
  return (assignments) => {
    const sent = last.then(async () => {
      await run('systemd-notify', [...assignments], options);
    });
    last = sent.catch(() => {});
    return sent;
  };
}

/** How often `WATCHDOG=1` has to be sent, milliseconds; null: nobody waits for it. */
export function watchdogMs(env: Readonly<Record<string, string | undefined>>, pid: number): number | null {
  const { WATCHDOG_USEC: text = '', WATCHDOG_PID: forPid } = env;
  if (!/^[1-9]\d*$/.test(text) || (forPid !== undefined && forPid !== `${pid}`)) return null;
  return Number(text) / 1_000;
}
