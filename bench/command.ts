/** What the commands of this folder share: how an option's number is read, and how an error is told. */

/** An option's number from `min` to `max`: a whole one, unless `fractions` are allowed. */
export function number(option: string, text: string, min: number, max: number, fractions = false): number {
  const value = Number(text);
  if (value >= min && value <= max && (fractions || Number.isInteger(value))) return value;
  throw new Error(`${option}: ${text} is not a ${fractions ? '' : 'whole '}number from ${min} to ${max}`);
}

export async function run(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exitCode = 1;
  }
}
