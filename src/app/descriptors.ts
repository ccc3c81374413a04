/** Open files: how many the settings may need, and what is done where the system allows fewer. */

export interface DescriptorNeeds {
  /** Those that are open before anybody has come. */
  readonly inUse: number;
  readonly connectionsMax: number;
  readonly opsConnectionsMax: number;
  /** Behind each connection of a caller there may be one to an upstream, up to so many of both … */
  readonly poolMax: number;
  readonly tunnelsMax: number;
  /** … a body in a file, up to so many … */
  readonly filesMax: number;
  /** … and connections that wait for the next request, in the pools of the other upstreams. */
  readonly upstreams: number;
}

export interface DescriptorPlan {
  /** How many the settings may need in all. */
  readonly needed: number;
  readonly connectionsMax: number;
  readonly opsConnectionsMax: number;
}

/** For names that are looked up, certificates that are read anew, connections to Redis that are replaced. */
const spare = 8;
const opsConnectionsMin = 4;

/**
 * What the limit allows. The ops port keeps some files for itself, so that probes are answered whatever callers do. The
 * rest is shared among as many connections as leave each what its requests may need.
 * @param limit of open files; null: nobody knows, or there is none
 */
export function planDescriptors(needs: DescriptorNeeds, limit: number | null): DescriptorPlan {
  const { connectionsMax, opsConnectionsMax } = needs;
  const needed = neededBy(needs);
  if (limit === null || needed <= limit) return { needed, connectionsMax, opsConnectionsMax };
  const ops = Math.min(opsConnectionsMax, Math.max(opsConnectionsMin, Math.floor(limit / 16)));
  let low = 1;
  for (let high = connectionsMax; low < high; ) {
    const middle = Math.ceil((low + high) / 2);
    if (neededBy({ ...needs, opsConnectionsMax: ops, connectionsMax: middle }) <= limit) low = middle;
    else high = middle - 1;
  }
  return { needed, connectionsMax: low, opsConnectionsMax: ops };
}

function neededBy(needs: DescriptorNeeds): number {
  const { inUse, connectionsMax, opsConnectionsMax, poolMax, tunnelsMax, filesMax, upstreams } = needs;
  const behind = Math.min(connectionsMax, poolMax + tunnelsMax) + Math.min(connectionsMax, filesMax);
  const waiting = (upstreams - 1) * Math.min(connectionsMax, poolMax);
  return inUse + spare + opsConnectionsMax + connectionsMax + behind + waiting;
}
