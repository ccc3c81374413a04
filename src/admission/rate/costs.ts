/** How many slots a request uses: one, unless configuration says that it costs the Coreapp more. */
import { foldedPath, isWithin } from '../../http/paths.ts';

/** As it is written in the configuration: `/v1/media`, `POST /v1/media`. */
export const costForm = /^(?:[A-Z]{1,16} )?\/\S*$/;

/** @param path as routes go by it */
export type CostOf = (method: string, path: string) => number;

interface Rule {
  /** Null: any. */
  readonly method: string | null;
  readonly path: string;
  readonly cost: number;
}

/**
 * A path counts with all that is below it. The longest one that fits decides; of two that are the same the one with a
 * method. Null: each request costs one.
 * @param caseSensitive the Coreapp tells `/V1/media` and `/v1/media` apart
 */
export function createCosts(costs: Readonly<Record<string, number>>, caseSensitive = false): CostOf | null {
  const rules = Object.entries(costs).map(([of, cost]) => ruleOf(of, cost, caseSensitive));
  if (rules.length === 0) return null;
  // Two that differ in case only may have become the same: then the dearer one.
  rules.sort(
    (a, b) => b.path.length - a.path.length || Number(a.method === null) - Number(b.method === null) || b.cost - a.cost,
  );
  return (method, path) => {
    const folded = foldedPath(path, caseSensitive);
    for (const rule of rules) {
      if ((rule.method === null || rule.method === method) && isWithin(folded, rule.path)) return rule.cost;
    }
    return 1;
  };
}

function ruleOf(of: string, cost: number, caseSensitive: boolean): Rule {
  const blank = of.indexOf(' ');
  const path = foldedPath(of.slice(blank + 1), caseSensitive);
  return { method: blank === -1 ? null : of.slice(0, blank), path, cost };
}
