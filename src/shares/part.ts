/**
 * What one caller may have of something scarce: a part of what the others leave, above 0 and up to 1. So a caller that
 * is alone has nearly all of it, each further one leaves the others less, and a newcomer finds some: k callers with as
 * much as they may have leave (1 − s) / (1 + (k − 1) × s) of it free.
 */

/** Rounded down; what the floating point leaves below a whole number counts as that number. */
export function partOf(share: number, amount: number): number {
  return Math.floor(share * amount + 1e-9);
}

/** If something is counted piece by piece, a caller may always have one, if there is one. */
export function mayHaveOneMore(share: number, own: number, left: number): boolean {
  return own === 0 || own + 1 <= partOf(share, left + own);
}
