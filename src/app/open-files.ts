/** What the limit of open files leaves for connections, and a word where that is less than the settings say. */
import { openFilesMax } from '../adapters/node/descriptors.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../observe/ports.ts';
import { opsConnectionsMax } from '../ops/server.ts';
import { type DescriptorNeeds, type DescriptorPlan, planDescriptors } from './descriptors.ts';
import { poolMax } from './upstreams.ts';

/** @param inUse how many are open before anybody has come */
export function fitOpenFiles(config: Config, inUse: number, log: Log): DescriptorPlan {
  const limit = openFilesMax();
  const { connectionsMax } = config.http;
  const plan = planDescriptors(needsOf(config, inUse), limit);
  if (plan.connectionsMax < connectionsMax) {
    log.warn(
      `the settings may need ${plan.needed} open files, and the limit (ulimit -n) is ${limit}: ` +
        `at most ${plan.connectionsMax} connections of callers are taken, not http.connectionsMax (${connectionsMax})`,
      { needed: plan.needed, limit, connections: plan.connectionsMax },
    );
  }
  return plan;
}

/** @param inUse those that are open already */
export function needsOf(config: Config, inUse: number): DescriptorNeeds {
  const { connectionsMax, tunnelsMax } = config.http;
  return {
    inUse,
    connectionsMax,
    opsConnectionsMax,
    poolMax: poolMax(config),
    tunnelsMax,
    filesMax: config.bodies.filesMax,
    // A class that has an upstream of its own has connections of its own.
    upstreams: 1 + Object.keys(config.coreapp.urls).length,
  };
}
