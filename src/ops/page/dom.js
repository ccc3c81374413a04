/** The document, changed in place. */

export const byId = (id) => document.getElementById(id);

export function element(name, text = '', attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

/** Changes only what differs, so that a screen reader and a focused button are left in peace. */
export function say(node, text, className = '') {
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== className) node.className = className;
}

export const seconds = (ms) => (ms === null ? 'unknown' : `${(ms / 1_000).toFixed(1)} s`);
/** When a turn comes: at the earliest, and by the replica's share where others take slots as well. */
export function turn({ turnInMs, turnByMs }) {
  const [from, to] = [seconds(turnInMs), seconds(turnByMs)];
  return from === to ? from : `${from.slice(0, -2)} to ${to}`;
}
export const whole = new Intl.NumberFormat('en').format;
/** @param iso a moment, ISO 8601 in UTC */
export const moment = (iso) => iso.replace('T', ' ').replace(/(\.\d+)?Z$/, ' UTC');
export const sum = (counts) => counts.reduce((all, count) => all + count, 0);

/** Rows of a `dl`, in place. */
export function tell(list, rows) {
  while (list.children.length > rows.length * 2) list.lastChild.remove();
  rows.forEach(([name, value, className], i) => {
    if (list.children.length <= i * 2) list.append(element('dt'), element('dd'));
    say(list.children[i * 2], name);
    say(list.children[i * 2 + 1], value, className);
  });
}

/** Rows of a table, in place. */
export function fill(body, rows) {
  while (body.rows.length > rows.length) body.lastChild.remove();
  rows.forEach((cells, i) => {
    const row = body.rows[i] ?? body.insertRow();
    cells.forEach((cell, j) => {
      say(row.cells[j] ?? row.insertCell(), String(cell));
    });
  });
}
