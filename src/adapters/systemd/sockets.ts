/** Sockets that systemd has opened and handed over (sd_listen_fds(3)): it listens before Weir does, and while Weir starts anew. */

export interface HandedOver {
  /** File descriptors that listen; null: Weir opens that port itself. */
  readonly main: number | null;
  readonly ops: number | null;
}

/** Why they can't be used: what is wrong, and what would be right. */
export class SocketProblem extends Error {}

const firstFd = 3;
const none: HandedOver = { main: null, ops: null };

/**
 * A socket that is named `ops` is for the ops port, any other for the main port. Throws a `SocketProblem`.
 * @param pid of this process: what was handed to another one is none of its business
 */
export function socketsHandedOver(env: Readonly<Record<string, string | undefined>>, pid: number): HandedOver {
  const { LISTEN_FDS: count = '', LISTEN_PID: forPid, LISTEN_FDNAMES: names = '' } = env;
  if (forPid !== `${pid}` || !/^[1-9]\d*$/.test(count)) return none;
  const all = names.split(':');
  const taken = { ...none } as { main: number | null; ops: number | null };
  for (let i = 0; i < Number(count); i++) {
    const port = all[i] === 'ops' ? 'ops' : 'main';
    if (taken[port] !== null) {
      throw new SocketProblem(
        `LISTEN_FDS: ${count} sockets, and two of them are for the ${port} port; hand over one for each port, that of the ops port with FileDescriptorName=ops`,
      );
    }
    taken[port] = firstFd + i;
  }
  return taken;
}
