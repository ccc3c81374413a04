/** What the terminal says after a start: what runs where, and what to try. */
import type { App } from '../app/app.ts';
import type { Config } from '../config/config.ts';
import { firstRequest } from '../profiles/cloud/first-steps.ts';
import { firstSteps } from '../profiles/coreapp/first-steps.ts';
import type { Simulator } from '../simulator/simulator.ts';

/** @param token to try Weir out with, where the profile has no login; null: there is none */
export function welcome(
  config: Config,
  file: string | null,
  app: Pick<App, 'port' | 'opsPort'>,
  simulator: Pick<Simulator, 'url'> | null,
  token: string | null,
): string[] {
  const at = (host: string, port: number, scheme = 'http'): string =>
    `${scheme}://${['0.0.0.0', '::'].includes(host) ? 'localhost' : host.includes(':') ? `[${host}]` : host}:${port}`;
  const main = at(config.listen.host, app.port, config.listen.tls === null ? 'http' : 'https');
  const ops = at(config.ops.host, app.opsPort);
  const { workers } = config;
  const lines = [
    `Weir serves on      ${main}`,
    `  for operators     ${ops}  (the page, /livez /readyz /metrics /status)`,
    upstreamLine(config, simulator),
    `  limits, users     ${config.redis.url === null ? 'in this process, gone when it ends. Set REDIS_URL to share and keep them.' : 'in Redis'}`,
    ...(workers === 1 ? [] : [`  workers           ${workers}`]),
    `  configuration     ${file ?? (config.profile === 'coreapp' ? 'defaults and environment' : `the profile ${config.profile}, and environment`)}`,
  ];
  if (simulator === null) return lines;
  return [
    ...lines,
    '',
    'Try:',
    ...triesOf(main, config, token).map((line) => `  ${line}`),
    `  curl -s ${ops}/status    # or open ${ops}/ in a browser: the line, as it moves`,
  ];
}

function upstreamLine({ profile, coreapp }: Config, simulator: Pick<Simulator, 'url'> | null): string {
  const [name, variable] = profile === 'coreapp' ? ['Coreapp', 'COREAPP_URL'] : ['upstream', 'UPSTREAM_URL'];
  if (simulator === null) return `  ${name.padEnd(18)}${coreapp.url}`;
  return `  ${name.padEnd(18)}${simulator.url}  — THE BUNDLED SIMULATOR: nothing is sent to anybody. Set ${variable}.`;
}

function triesOf(main: string, { profile, auth }: Config, token: string | null): string[] {
  if (profile === 'coreapp') return firstSteps(main, auth.adminPassword !== null);
  return [
    token === null ? 'TOKEN=$(npx weir tokens create --user demo)' : `TOKEN=${token}`,
    `curl -s -H "Authorization: Bearer $TOKEN" ${profile === 'cloud' ? firstRequest(main) : `${main}/retry-after/orders`}`,
  ];
}
