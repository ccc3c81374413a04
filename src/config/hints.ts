/** What a misspelt name probably meant. */

/** The candidate that is meant, as far as can be told; undefined: none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const plain = plainOf(name);
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(plain.length / 4)) + 1;
  for (const candidate of candidates) {
    const target = plainOf(candidate);
    // A short name is near to too much: half of it has to be right.
    const distance = Math.min(editDistance(plain, target), target.startsWith(plain) && plain.length > 3 ? 1 : Infinity);
    if (distance < bestDistance && distance * 2 <= target.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Names are compared without case and separators: `keep_alive_timeout` is near to `keepAliveTimeoutMs`. */
export const plainOf = (name: string): string => name.replace(/[-_.\s]/g, '').toLowerCase();

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (last[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let cost = Math.min(change, (last[j] as number) + 1, (row[j - 1] as number) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] as number;
}
