/** Options of the port for callers by which nothing ends by itself within a test. */
import { errorEnvelope } from '../../src/profiles/coreapp/envelope.ts';
import type { ServerOptions } from '../../src/wire/server/options.ts';

export const patientServer: ServerOptions = {
  host: '127.0.0.1',
  port: 0,
  tls: null,
  fieldsMaxBytes: 16_384,
  headTimeoutMs: 600_000,
  bodyIdleTimeoutMs: 600_000,
  bodyMinBytesPerS: 0,
  answerMinBytesPerS: 0,
  keepAliveTimeoutMs: 600_000,
  connectionsMax: 10_000,
  refusalBody: errorEnvelope,
};
