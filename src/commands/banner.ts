/** What the terminal says after a start: what runs where, and what to try. */
import type { App } from '../app/app.ts';
import type { Config } from '../config/config.ts';
import type { Simulator } from '../simulator/simulator.ts';

export function welcome(config: Config, file: string | null, app: App, simulator: Simulator | null): string[] {
  const at = (host: string, port: number, scheme = 'http'): string =>
    `${scheme}://${['0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`;
  const main = at(config.listen.host, app.port, config.listen.tls === null ? 'http' : 'https');
  const ops = at(config.ops.host, app.opsPort);
  const lines = [
    `Weir serves on      ${main}`,
    `  for operators     ${ops}  (/livez /readyz /metrics /status)`,
    `  Coreapp           ${simulator === null ? config.coreapp.url : `${simulator.url}  — THE BUNDLED SIMULATOR: nothing is sent to anybody. Set COREAPP_URL.`}`,
    `  limits, users     ${config.redis.url === null ? 'in this process, gone when it ends. Set REDIS_URL to share and keep them.' : 'in Redis'}`,
    `  configuration     ${file ?? 'defaults and environment'}`,
  ];
  return simulator === null ? lines : [...lines, '', ...firstSteps(main, ops, config)];
}

/** The first login has to bring a new password, unless the configuration has set one. */
function firstSteps(main: string, ops: string, config: Config): string[] {
  const own = config.auth.adminPassword !== null;
  const login = own
    ? `curl -sSf -u admin:$WEIR_ADMIN_PASSWORD -X POST ${main}/v1/users/login`
    : `curl -sSf -u admin:secret -X POST ${main}/v1/users/login -d '{"new_password":"Weir-2026!"}'`;
  return [
    'Try:',
    `  TOKEN=$(${login} | sed 's/.*"token":"\\([^"]*\\)".*/\\1/')`,
    `  curl -s -H "Authorization: Bearer $TOKEN" ${main}/v1/messages -d '{"to":"16315551000","type":"text","text":{"body":"hello"}}'`,
    `  curl -s ${ops}/status`,
  ];
}
