/** Random numbers in (0, 1), the same ones for the same seed (a linear congruential generator, by Park and Miller). */
export function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}
