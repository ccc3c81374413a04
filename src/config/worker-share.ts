/**
 * What each worker may have of what the settings give one replica: of bodies, connections, files, permits and places in
 * line its part, so that the replica takes no more than with one process. Limits that hold over all replicas are not
 * divided: Redis keeps them.
 */
import type { ClassLimits } from '../admission/limits.ts';
import type { Config } from './config.ts';

/** A number that a replica's settings give, and what a worker needs of it at least. */
interface Divided {
  readonly value: number;
  readonly least: number;
}

/** Settings whose value is divided, and fails the check if a worker's part is too small. */
export function dividedIn(config: Config): Readonly<Record<string, Divided>> {
  const { http, bodies, coreapp } = config;
  const onDisk = Object.values(config.limits).map(({ bodyMaxBytes }) => bodyMaxBytes);
  const largest = Math.max(...onDisk);
  return {
    'http.connectionsMax': { value: http.connectionsMax, least: 1 },
    'http.tunnelsMax': { value: http.tunnelsMax, least: Math.min(1, http.tunnelsMax) },
    'coreapp.permitsMax': { value: coreapp.permitsMax, least: 1 },
    'bodies.diskMaxBytes': { value: bodies.diskMaxBytes, least: largest > bodies.memoryMaxBytes ? largest : 0 },
    'bodies.filesMax': { value: bodies.filesMax, least: 1 },
  };
}

/** The same of a class. */
export function dividedOf({ lineMaxRequests, lineMaxBytes, bodyMaxBytes }: ClassLimits) {
  return {
    lineMaxRequests: { value: lineMaxRequests, least: 1 },
    lineMaxBytes: { value: lineMaxBytes, least: bodyMaxBytes },
  };
}

/** The configuration that each of the workers goes by. */
export function workerShare(config: Config): Config {
  const { workers: count, http, bodies, coreapp, redis } = config;
  if (count === 1) return config;
  const part = (value: number): number => Math.floor(value / count);
  // What bounds a single caller is rounded up: it always has room for one connection, file and body.
  const atLeastOne = (value: number): number => Math.ceil(value / count);
  const perAddress = http.connectionsPerAddressMax;
  const permitsMax = part(coreapp.permitsMax);
  return {
    ...config,
    http: {
      ...http,
      connectionsMax: part(http.connectionsMax),
      connectionsPerAddressMax: perAddress === null ? null : atLeastOne(perAddress),
      tunnelsMax: part(http.tunnelsMax),
    },
    bodies: {
      ...bodies,
      diskMaxBytes: part(bodies.diskMaxBytes),
      filesMax: part(bodies.filesMax),
      callerFilesMax: atLeastOne(bodies.callerFilesMax),
      answersMemoryMaxBytes: part(bodies.answersMemoryMaxBytes),
    },
    coreapp: { ...coreapp, permitsMin: Math.min(atLeastOne(coreapp.permitsMin), permitsMax), permitsMax },
    // Workers count as replicas where Redis is away and each goes on alone with its share of the limits.
    redis: { ...redis, replicasAtLeast: redis.replicasAtLeast * count },
    limits: Object.fromEntries(
      Object.entries(config.limits).map(([name, limits]) => [
        name,
        {
          ...limits,
          lineMaxRequests: part(limits.lineMaxRequests),
          lineMaxBytes: part(limits.lineMaxBytes),
          callerMaxBytes: Math.max(limits.bodyMaxBytes, atLeastOne(limits.callerMaxBytes)),
        },
      ]),
    ),
  };
}
