/** What must hold between the settings of endpoint classes: their limits, scopes and patterns. */
import { atMost } from '../admission/limits.ts';
import { type Scope, scopeWords } from '../admission/rate/scope.ts';
import { defaultClass, type EndpointClass } from '../exchange/route.ts';
import { both, type Pattern, readPattern, relate } from '../http/patterns.ts';
import { ownClasses, ownPatterns } from '../profiles/coreapp/routes.ts';
import { clash, classesIn, type Facts, limitsFor, notAllowed, sourceOf, whereOf } from './facts.ts';
import type { Clash } from './problems.ts';

/** A class that has both from `default` is not told again. */
export function limitClashes(facts: Facts, of: EndpointClass): Clash[] {
  const limits = limitsFor(facts, of);
  return atMost.flatMap(([name, others]) => {
    const least = others.reduce((low, other) => (limits[other] < limits[low] ? other : low));
    const [setting, bound] = [sourceOf(facts, of, name), sourceOf(facts, of, least)];
    const inherited = of !== defaultClass && [setting, bound].every((source) => source.startsWith('limits.default.'));
    if (limits[name] <= limits[least] || inherited) return [];
    if (facts.given(setting) === undefined && facts.given(bound) !== undefined) {
      return [clash(facts, bound, setting, limits[least], `at least ${setting} (${limits[name]})`)];
    }
    return [clash(facts, setting, bound, limits[name], `at most ${bound} (${limits[least]})`)];
  });
}

/** A template of paths that do not belong to the class would silently make all its requests share one bucket. */
export function scopeClash(facts: Facts, of: EndpointClass): Clash[] {
  const text = facts.settings.limits[of]?.scope;
  if (of === defaultClass || text === undefined || !isForeign(facts, of, limitsFor(facts, of).scope)) return [];
  const name = `limits.${of}.scope`;
  const below = patternsOf(facts, of).find((pattern) => pattern.below);
  const example = below === undefined ? '' : `, such as path:${below.text.replace(/^[^/]*/, '').replace('**', '{id}')}`;
  return [clash(facts, name, name, text, `a template of paths of this class${example}`)];
}

/** A narrow limit whose values none of the class's requests has binds nobody. */
export function alsoScopeClash(facts: Facts, of: EndpointClass): Clash[] {
  const name = `limits.${of}.also`;
  if (of === defaultClass || patternsOf(facts, of).length === 0 || facts.given(name) === undefined) return [];
  const foreign = limitsFor(facts, of).also.find(({ scope }) => isForeign(facts, of, scope));
  if (foreign === undefined) return [];
  const given = scopeWords(foreign.scope);
  return [clash(facts, name, name, given, 'a scope whose path requests of this class have')];
}

function patternsOf(facts: Facts, of: EndpointClass): Pattern[] {
  return facts.config.classes.filter(([, name]) => name === of).map(([pattern]) => pattern);
}

/** Whether a scope goes by paths that no request of the class has. */
function isForeign(facts: Facts, of: EndpointClass, scope: Scope): boolean {
  if (scope.by === 'several') return scope.parts.some((part) => isForeign(facts, of, part));
  if (scope.by !== 'path') return false;
  const path = scope.template.map((name) => `/${name === null || name === '*' ? '{any}' : name}`).join('');
  const { caseSensitivePaths } = facts.config.coreapp;
  const pattern = readPattern(`* ${path}${scope.below ? '/**' : ''}`, caseSensitivePaths);
  return patternsOf(facts, of).every((one) => relate({ ...one, method: null, host: null }, pattern) === 'apart');
}

/** Which of two patterns is meant has to be said by the patterns, not by their order. */
export function patternClashes(facts: Facts): Clash[] {
  const { classes } = facts.config;
  return classes.flatMap(([pattern, of], i) =>
    classes.slice(0, i).flatMap(([other, otherOf]) => {
      const relation = relate(pattern, other);
      if (of === otherOf || (relation !== 'same' && relation !== 'crossing')) return [];
      const [name, otherName] = [`limits.${of}.match`, `limits.${otherOf}.match`];
      const given = `${JSON.stringify(pattern.text)} next to ${JSON.stringify(other.text)} of ${otherName}`;
      const wanted =
        relation === 'same'
          ? 'both take the same requests; leave one of them out'
          : `both take ${JSON.stringify(both(pattern, other))}, and neither is more exact; give that to one of them, too`;
      return [notAllowed(facts, [name, otherName], given, wanted)];
    }),
  );
}

/** A rule that speaks of a narrow limit of a class, or of any class that goes by it, where there is none. */
export function laneClashes(facts: Facts): Clash[] {
  const { throttled } = facts.config;
  const givenOf = (of: EndpointClass) => facts.settings.limits[of]?.throttled;
  const countOf = (of: EndpointClass): number => limitsFor(facts, of).also.length;
  const owners = classesIn(facts).filter((of) => of !== defaultClass && givenOf(of) !== undefined);
  const others = classesIn(facts).filter((of) => !owners.includes(of));
  const ofDefault = throttled.byClass.get(defaultClass) ?? [];
  // A profile's own rules that speak of what a class no longer has fit nothing.
  const lists = [
    ['throttled', throttled.all, Math.max(0, ...classesIn(facts).map(countOf))] as const,
    [`limits.${defaultClass}.throttled`, ofDefault, Math.max(0, ...others.map(countOf))] as const,
    ...owners.map((of) => [`limits.${of}.throttled`, throttled.byClass.get(of) ?? [], countOf(of)] as const),
  ];
  return lists.flatMap(([name, rules, count]) => {
    if (facts.given(name) === undefined) return [];
    const beyond = rules.map(({ of }) => of).find((of) => typeof of === 'number' && of > count);
    if (beyond === undefined) return [];
    const many = count === 0 ? 'none there' : `${count} there`;
    return [clash(facts, name, name, `also ${beyond}`, `a narrow limit that there is under also: ${many}`)];
  });
}

/** What Weir answers itself is counted under these names, and its requests come to no other class. */
export function ownClashes(facts: Facts): Clash[] {
  const { classes, coreapp, profile } = facts.config;
  const isCoreapp = profile === 'coreapp';
  const reserved: readonly string[] = isCoreapp ? ['none', ...ownClasses] : ['none'];
  const named = classesIn(facts).flatMap((of) => {
    if (!reserved.includes(of)) return [];
    return [notAllowed(facts, [`limits.${of}.match`], `a class called ${of}`, 'give it another name')];
  });
  if (!isCoreapp) return named;
  const own = ownPatterns.map((text) => readPattern(text, coreapp.caseSensitivePaths));
  const never = classes.flatMap(([pattern, of]) => {
    const relations = own.map((one) => relate(pattern, one));
    if (!relations.some((relation) => relation === 'same' || relation === 'narrower')) return [];
    const name = `limits.${of}.match`;
    const given = JSON.stringify(pattern.text);
    const wanted = 'Weir answers there itself; leave it out';
    return [{ between: [name], problem: { where: whereOf(facts, name), given, fault: 'matches nothing', wanted } }];
  });
  return [...named, ...never];
}

/** The classes of other settings, where there are none such. */
export function unknownClasses(facts: Facts): Clash[] {
  const known = classesIn(facts);
  const { coreapp, auth } = facts.settings;
  const named = {
    'coreapp.honoursIdempotencyKey': coreapp.honoursIdempotencyKey,
    'coreapp.urls': Object.keys(coreapp.urls),
    'coreapp.bodyUrls': Object.keys(coreapp.bodyUrls),
    'coreapp.authorizations': Object.keys(coreapp.authorizations).filter((key) => !key.includes('=')),
    'auth.may': Object.values(auth.may).flat(),
  };
  const wanted = `classes that there are: ${known.join(', ')}`;
  return Object.entries(named).flatMap(([setting, names]) =>
    names.filter((name) => !known.includes(name)).map((name) => clash(facts, setting, setting, name, wanted)),
  );
}

/** What a field holds that is a secret is gone before limits are looked at. */
export function keyFieldClash(facts: Facts): Clash[] {
  const { keyField } = facts.settings.auth;
  if (keyField === null) return [];
  const isKey = (scope: Scope): boolean =>
    scope.by === 'several' ? scope.parts.some(isKey) : scope.by === 'header' && scope.name === keyField.toLowerCase();
  const wanted = 'principal: auth.keyField says who a caller is';
  return classesIn(facts).flatMap((of) => {
    const { scope, also } = limitsFor(facts, of);
    const settings = [
      ...(isKey(scope) ? (['scope'] as const) : []),
      ...(also.some((one) => isKey(one.scope)) ? (['also'] as const) : []),
    ];
    return settings.map((name) =>
      clash(facts, sourceOf(facts, of, name), 'auth.keyField', `header:${keyField}`, wanted),
    );
  });
}
