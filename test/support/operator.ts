/** Who steers the ops port in tests: whoever shows the token. */
import { WindowCounts } from '../../src/adapters/login-guard/window-counts.ts';
import { Operator, type OperatorSettings } from '../../src/ops/operator.ts';

export const operatorToken = 'an-operators-token';

/** @param wrong hears of wrong tokens */
export function operatorWith(
  settings: Partial<OperatorSettings> = {},
  now: () => number = () => 0,
  wrong: (address: string) => void = () => {},
): Operator {
  const guesses = new WindowCounts(10, 60_000, 100);
  return new Operator({ token: null, names: 'token', ...settings }, { guesses, now, wrong });
}
