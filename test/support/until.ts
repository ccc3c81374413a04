/** How a wait is bounded and what it is for; `what` completes the sentence "waited for …". */
interface Wait {
  readonly what: string;
  /** Default: 50 s. No machine is so slow as to need them: a wait ends by the state that it is for. */
  readonly deadlineMs?: number;
}

const pauseMs = 5;

// Those of the machine, so that a wait goes on in a test that drives the timers (still-timers.ts).
const { setTimeout, clearTimeout } = globalThis;
const now = performance.now.bind(performance);

/**
 * Polls until the condition holds (is neither `false`, `null` nor `undefined`) and hands back what it gave.
 * A condition that throws does not hold yet; what it threw last is the failure's cause.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  { what, deadlineMs = 50_000 }: Wait,
): Promise<Exclude<T, false | null | undefined>> {
  const giveUpAt = now() + deadlineMs;
  for (;;) {
    let cause: unknown;
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>;
      }
    } catch (error) {
      cause = error;
    }
    if (now() >= giveUpAt) {
      const last = cause instanceof Error ? `; the last try failed: ${cause.message}` : '';
      throw new Error(`Waited ${deadlineMs} ms in vain for ${what}${last}.`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** The promise's value, or a failure that says what did not come in time. */
export async function within<T>(promise: Promise<T>, { what, deadlineMs = 50_000 }: Wait): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Waited ${deadlineMs} ms in vain for ${what}.`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets real time pass where that is the scenario itself: load that goes on, a bucket that refills. Never to wait for a state. */
export function pass(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
