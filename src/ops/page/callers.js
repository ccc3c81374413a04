/** Callers, by their places in line. */
import { button, byId, fill, say, seconds } from './dom.js';
import { order } from './orders.js';

export function showCallers({ callers = [], more = 0 }) {
  const table = byId('callers');
  table.hidden = callers.length === 0;
  byId('nobody').hidden = callers.length > 0;
  fill(
    table.tBodies[0],
    callers.map((one) => [
      one.class,
      one.place,
      one.caller,
      one.requests,
      `${Math.round(one.share * 100)} %`,
      seconds(one.oldestMs),
      seconds(one.turnInMs),
    ]),
  );
  [...table.tBodies[0].rows].forEach((row, i) => {
    const { caller } = callers[i];
    if (row.dataset.caller === caller) return;
    row.dataset.caller = caller;
    row.cells[7]?.remove();
    const cell = row.insertCell();
    cell.className = 'operators';
    // A digest in the place of a name is nobody's name.
    if (/^(user:|from )#/.test(caller)) return;
    const name = encodeURIComponent(caller);
    cell.append(
      button(`Pause ${caller}`, () => order('PUT', `pauses/callers/${name}`, { seconds: 600 })),
      ' ',
      button(`End the waits of ${caller}`, () => order('POST', `callers/${name}/end`)),
    );
  });
  say(byId('more'), more > 0 ? `and ${more} more callers` : '');
}
