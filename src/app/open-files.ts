/** What the limit of open files leaves for connections, and a word where that is less than the settings say. */
import { openFiles, openFilesMax } from '../adapters/node/descriptors.ts';
import type { Config } from '../config/config.ts';
import type { Log } from '../observe/ports.ts';
import { opsConnectionsMax } from '../ops/server.ts';
import { type DescriptorPlan, planDescriptors } from './descriptors.ts';

export function fitOpenFiles({ http, coreapp, bodies }: Config, log: Log): DescriptorPlan {
  const limit = openFilesMax();
  const { connectionsMax, tunnelsMax } = http;
  const { permitsMax } = coreapp;
  const { filesMax } = bodies;
  const inUse = openFiles();
  const plan = planDescriptors({ inUse, connectionsMax, opsConnectionsMax, permitsMax, tunnelsMax, filesMax }, limit);
  if (plan.connectionsMax < connectionsMax) {
    log.warn(
      `the settings may need ${plan.needed} open files, and the limit (ulimit -n) is ${limit}: ` +
        `at most ${plan.connectionsMax} connections of callers are taken, not http.connectionsMax (${connectionsMax})`,
      { needed: plan.needed, limit, connections: plan.connectionsMax },
    );
  }
  return plan;
}
