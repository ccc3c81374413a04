/**
 * How much of what a request was charged may be given back once its answer tells that it used less.
 *
 * A bucket that had filled up meanwhile would have been as full without the charge: giving it all back would let others
 * have tokens that nobody saved. Had the request taken less, the tat would have been D earlier. That difference shrinks
 * with each take to what the tat was ahead of now just then, since the tat never lies behind now:
 *
 *     tat = max(tat, now) + n·T        with the charge
 *     tat − D′ = max(tat − D, now) + n·T    without, so D′ = min(D, max(0, tat − now))
 *
 * So what may be given back is the least of D and of what the tat was ahead at all takes since, and is now. For that a
 * bucket remembers its low points: of each take, unless there was a lower one after it. They rise from the oldest to
 * the youngest, and the first that is younger than a request is its lowest.
 */
export interface Low {
  /** Which take: larger than those of all before. */
  readonly mark: number;
  /**
   * How far the tat lay ahead of the earliest that it could have been set to by it, microseconds, 0 or more; less by what
   * was given back since.
   */
  readonly aheadUs: number;
}

/** Two that lie close together become one, the lower: that gives back too little at times, and never too much. */
const lowsMax = 16;

/** With one take more. */
export function lowered(lows: readonly Low[], aheadUs: number, nowUs: number): Low[] {
  const low = { mark: Math.max(Math.floor(nowUs), (lows.at(-1)?.mark ?? 0) + 1), aheadUs: Math.max(0, aheadUs) };
  const all = [...lows.filter((one) => one.aheadUs < low.aheadUs), low];
  if (all.length > lowsMax) {
    const i = closest(all);
    all.splice(i, 2, { mark: (all[i + 1] as Low).mark, aheadUs: (all[i] as Low).aheadUs });
  }
  return all;
}

/** The first of the two that lie closest together. */
function closest(lows: readonly Low[]): number {
  let found = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i + 1 < lows.length; i++) {
    const apart = (lows[i + 1] as Low).aheadUs - (lows[i] as Low).aheadUs;
    if (apart < least) [found, least] = [i, apart];
  }
  return found;
}

/** What may be given back of a take at most, by what has been since; infinite: nobody took any. */
export function lowestSince(lows: readonly Low[], mark: number): number {
  return lows.find((low) => low.mark > mark)?.aheadUs ?? Number.POSITIVE_INFINITY;
}

/** So much has been given back: all before would have been so much lower. */
export const givenBack = (lows: readonly Low[], byUs: number): Low[] =>
  lows.map(({ mark, aheadUs }) => ({ mark, aheadUs: Math.max(0, aheadUs - byUs) }));

/** The rate has changed. */
export const stretched = (lows: readonly Low[], by: number): Low[] =>
  lows.map(({ mark, aheadUs }) => ({ mark, aheadUs: aheadUs * by }));
