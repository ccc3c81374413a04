/**
 * Preloaded (`node --import`), it gives a process another date: DATE_SHIFT_MS off, and an hour more in every other second,
 * so that it jumps while the process runs. Timers and `performance.now()` don't go by the date, as in reality.
 */
const shiftMs = Number(process.env.DATE_SHIFT_MS);
const hourMs = 3_600_000;
const machineDate = Date;

const now = (): number => {
  const jumped = Math.floor(performance.now() / 1_000) % 2 === 1;
  return machineDate.now() + shiftMs + (jumped ? hourMs : 0);
};

globalThis.Date = new Proxy(machineDate, {
  construct: (target, args: [], self) => Reflect.construct(target, args.length === 0 ? [now()] : args, self),
  get: (target, key, self) => (key === 'now' ? now : Reflect.get(target, key, self)),
});
