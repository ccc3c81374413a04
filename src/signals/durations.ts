/** Lengths of time as people write them: `2 s`, `500 ms`, `1 min`, `6m0s`, `1m30.5s`. */

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const part = /(\d+(?:\.\d+)?) *(ms|min|s|m|h|d)/y;

/** Milliseconds; null: it is no length of time. */
export function durationMs(text: string): number | null {
  const given = text.trim();
  let ms = 0;
  part.lastIndex = 0;
  let at = 0;
  while (at < given.length) {
    const found = part.exec(given);
    if (found === null) return null;
    ms += Number(found[1]) * (unitsMs[found[2] as string] as number);
    at = part.lastIndex;
    while (given[at] === ' ') at += 1;
    part.lastIndex = at;
  }
  return at === 0 ? null : ms;
}
