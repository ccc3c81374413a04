/** One table of `npm run bench:fleet`. */
export interface Part {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What is wrong however slow the machine is. */
  readonly wrong: readonly string[];
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
export const ms = (value: number): string => `${Math.round(value)} ms`;

/** What is wrong with answers that should all have one of these statuses. */
export function otherThan(wanted: readonly string[], answered: Readonly<Record<string, number>>): string[] {
  return Object.entries(answered)
    .filter(([status]) => !wanted.includes(status))
    .map(([status, count]) => `${count} answered ${status}`);
}
