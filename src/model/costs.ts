/** How many slots a request uses: one, unless configuration says that it costs the Coreapp more. */
import { isWithin } from './routes.ts';

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
 */
export function createCosts(costs: Readonly<Record<string, number>>): CostOf | null {
  const rules = Object.entries(costs).map(([of, cost]) => ruleOf(of, cost));
  if (rules.length === 0) return null;
  rules.sort((a, b) => b.path.length - a.path.length || Number(a.method === null) - Number(b.method === null));
  return (method, path) => {
    for (const rule of rules) {
      if ((rule.method === null || rule.method === method) && isWithin(path, rule.path)) return rule.cost;
    }
    return 1;
  };
}

function ruleOf(of: string, cost: number): Rule {
  const blank = of.indexOf(' ');
  return { method: blank === -1 ? null : of.slice(0, blank), path: of.slice(blank + 1), cost };
}
