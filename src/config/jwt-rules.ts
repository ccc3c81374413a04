/** What the settings of an identity provider must be together. */

import { type Facts, notAllowed } from './facts.ts';
import { readText } from './file-text.ts';
import type { JwtSettings } from './jwt.ts';
import { badFile, type Clash, type Problem, shown } from './problems.ts';
import { attempt } from './secret-files.ts';

const own = (name: string): string => `auth.jwt.${name}`;

/** What names a provider, or says something of it only. */
const parts = ['issuer', 'audience', 'jwksUrl', 'jwksFile', 'typ', 'roleClaim', 'adminValues'] as const;
type Name = (typeof parts)[number];

/** Half a provider would take no tokens, though its operator believes that it does. */
export function jwtClashes(facts: Facts): Clash[] {
  const { jwt } = facts.settings.auth;
  const isSet = (name: Name): boolean => (name === 'adminValues' ? jwt[name].length > 0 : jwt[name] !== null);
  const clash = (name: Name, relation: string, others: readonly Name[], wanted: string): Clash => {
    const given = `${shown(jwt[name], false)} ${relation} ${others.map(own).join(' or ')}`;
    return notAllowed(facts, [own(name), ...others.map(own)], given, wanted);
  };
  const missing = (name: Name, ...others: readonly Name[]): Clash[] =>
    others.some(isSet)
      ? []
      : [clash(name, 'without', others, `give ${others.map(own).join(' or ')}, too, or leave ${own(name)} out`)];
  const first = parts.find(isSet);
  if (first === undefined) return [];
  return [
    ...missing(first, 'issuer'),
    ...missing(first, 'audience'),
    ...missing(first, 'jwksUrl', 'jwksFile'),
    ...(isSet('jwksUrl') && isSet('jwksFile') ? [clash('jwksFile', 'next to', ['jwksUrl'], 'give one of them')] : []),
    ...(isSet('roleClaim') ? missing('roleClaim', 'adminValues') : []),
    ...(isSet('adminValues') ? missing('adminValues', 'roleClaim') : []),
  ];
}

/** What the file of keys holds, if one is named. */
export function readKeyFile(
  { jwksFile, jwksUrl }: JwtSettings,
  where: string | undefined,
  readFile: (path: string) => string,
): { readonly text: string; readonly problems: readonly Problem[] } {
  if (jwksFile === null || jwksUrl !== null) return { text: '', problems: [] };
  const place = where ?? own('jwksFile');
  const wanted = 'give a JSON file such as {"keys": […]}';
  const failed = (problem: Problem) => ({ text: '', problems: [problem] });
  const read = readText(jwksFile, readFile, wanted);
  if (!read.ok) return failed(badFile(place, jwksFile, read));
  const { text } = read;
  const parsed = attempt(() => JSON.stringify((JSON.parse(text) as { keys?: unknown[] }).keys?.length));
  if (parsed.ok && Number(parsed.text) > 0) return { text, problems: [] };
  return failed(badFile(place, jwksFile, { fault: 'holds no JSON Web Key Set', wanted }));
}
