/** The query of a target, parameter by parameter (the form of HTML forms, as `URLSearchParams` reads it). */

/** The value of the first parameter of a name; null: there is none, or it is empty. */
export function parameterOf(target: string, name: string): string | null {
  const query = target.indexOf('?');
  const value = query === -1 ? null : new URLSearchParams(target.slice(query)).get(name);
  return value === '' ? null : value;
}

/** The target without the parameters of some names; the others stay as they were written. */
export function withoutParameters(target: string, names: ReadonlySet<string>): string {
  const at = target.indexOf('?');
  if (at === -1 || names.size === 0) return target;
  const all = target.slice(at + 1).split('&');
  const kept = all.filter((one) => {
    const [name = ''] = new URLSearchParams(one).keys();
    return !names.has(name);
  });
  if (kept.length === all.length) return target;
  return kept.length === 0 ? target.slice(0, at) : `${target.slice(0, at)}?${kept.join('&')}`;
}
