/** Callers, by their places in line. */
import { byId, element, say, seconds, turn } from './dom.js';
import { orderButton } from './orders.js';

/** Whose turn it is changes from second to second. No button may move to another caller while somebody is about to press it. */
const isBeingUsed = (table) => table.matches(':hover, :focus-within');

export function showCallers({ callers = [], more = 0 }) {
  const table = byId('callers');
  const body = table.tBodies[0];
  const rows = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const times = new Map();
  const shown = callers.map((one) => {
    // With a scope a caller stands in several lines of a class.
    const name = `${one.class} ${one.caller}`;
    times.set(name, (times.get(name) ?? 0) + 1);
    const key = `${name} ${times.get(name)}`;
    const row = rows.get(key) ?? rowOf(key, one.caller);
    rows.delete(key);
    return told(row, [
      one.class,
      one.place,
      one.caller,
      one.requests,
      `${Math.round(one.share * 100)} %`,
      seconds(one.oldestMs),
      turn(one),
    ]);
  });
  const isStill = isBeingUsed(table);
  for (const row of rows.values()) {
    if (isStill) told(row, [row.cells[0].textContent, '–', row.cells[2].textContent, 0, '–', '–', '–']);
    else row.remove();
  }
  if (isStill) body.append(...shown.filter((row) => !row.isConnected));
  else if (shown.some((row, i) => body.rows[i] !== row)) body.replaceChildren(...shown);
  table.hidden = body.rows.length === 0;
  byId('nobody').hidden = callers.length > 0;
  say(byId('more'), more > 0 ? `and ${more} more callers` : '');
}

function told(row, cells) {
  cells.forEach((cell, i) => {
    say(row.cells[i], String(cell));
  });
  return row;
}

function rowOf(key, caller) {
  const row = element('tr');
  row.dataset.key = key;
  for (let i = 0; i < 7; i++) row.insertCell();
  const cell = row.insertCell();
  cell.className = 'operators';
  // A digest in the place of a name is nobody's name.
  if (/^(user:|from )#/.test(caller)) return row;
  const name = encodeURIComponent(caller);
  cell.append(
    orderButton(`Pause ${caller} for 10 minutes`, ['PUT', `pauses/callers/${name}`, { seconds: 600 }], 'Pause'),
    ' ',
    orderButton(`End the waits of ${caller}`, ['POST', `callers/${name}/end`], 'End the waits'),
  );
  return row;
}
