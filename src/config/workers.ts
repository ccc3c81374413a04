/** The setting `workers`. */
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { whole } from './kinds.ts';
import { setting } from './setting.ts';

const workersMax = 256;

export const workers = setting(z.union([z.literal('auto'), whole(1, workersMax)]).default(1), {
  description:
    'How many processes serve the port, each on a core of its own. auto: as many as there are cores for this process. More than 1 only with redis.url, which they share as replicas do. What bodies, connections, files, permits and places in line may take is divided among them.',
  wanted: `a whole number from 1 to ${workersMax}, or auto`,
  env: 'WEIR_WORKERS',
});

export const workersOf = (given: z.output<typeof workers>): number =>
  given === 'auto' ? Math.min(workersMax, availableParallelism()) : given;
