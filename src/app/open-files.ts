/** What the limit of open files leaves for connections, and a word where that is less than the settings say. */
import { openFilesMax } from '../adapters/node/descriptors.ts';
import { reserved } from '../admission/concurrency/in-flight-budget.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../observe/ports.ts';
import { opsConnectionsMax } from '../ops/server.ts';
import { type DescriptorNeeds, type DescriptorPlan, planDescriptors } from './descriptors.ts';

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
export function needsOf({ http, coreapp, bodies, limits }: Config, inUse: number): DescriptorNeeds {
  const { connectionsMax, tunnelsMax } = http;
  const notHeld = Object.values(limits).filter(({ hold }) => !hold);
  return {
    inUse,
    connectionsMax,
    opsConnectionsMax,
    poolMax: coreapp.permitsMax + reserved * notHeld.length,
    tunnelsMax,
    filesMax: bodies.filesMax,
    // A class that has an upstream of its own has connections of its own.
    upstreams: 1 + Object.keys(coreapp.urls).length,
  };
}
