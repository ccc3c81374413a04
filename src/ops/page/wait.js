/** Why a request waits: looked up when it is asked for, and with each event as long as it waits. */
import { byId, element, say, seconds, tell, turn } from './dom.js';
import { credentials, orderButton } from './orders.js';

/** Its `X-Request-Id`; null: none is asked for, or it waits no more. */
let asked = null;
let isLooking = false;

export async function showWait() {
  const id = asked;
  if (id === null || isLooking) return;
  isLooking = true;
  try {
    const response = await fetch(`/status/requests/${encodeURIComponent(id)}`, { headers: credentials() });
    const told = await response.json();
    if (asked !== id) return;
    byId('wait').hidden = !response.ok;
    if (response.ok) {
      // A screen reader says this once, and not each figure as it changes.
      say(byId('wait-said'), `${id} waits.`);
      tell(byId('wait').querySelector('dl'), waitRows(told));
    } else {
      asked = null;
      say(byId('wait-said'), `${id}: ${told.detail}`);
    }
  } catch {
    // The next event tells.
  } finally {
    isLooking = false;
  }
}

function waitRows(told) {
  const front =
    told.inFront === null
      ? 'it does not stand in line'
      : `${told.inFront.own} of its own caller, ${told.inFront.others} of others`;
  return [
    ['Replica', told.replica],
    ['Class', told.class],
    ['Caller', told.caller],
    ['Waits for', `${told.waitsFor}: ${told.limit}`],
    ['Place', told.place === null ? 'none' : String(told.place)],
    ['In front', front],
    ['Turn in', turn(told)],
    ['Waited', `${seconds(told.waitedMs)}; ${seconds(told.leftMs)} are left`],
    ['Sent', `${told.attempts} times`],
  ];
}

byId('why').addEventListener('submit', (event) => {
  event.preventDefault();
  asked = byId('request').value;
  const at = `requests/${encodeURIComponent(asked)}`;
  const orders = element('div', '', { class: 'operators' });
  orders.append(
    orderButton('Let it go first', ['POST', `${at}/first`]),
    orderButton('End its wait', ['POST', `${at}/end`]),
  );
  byId('wait').replaceChildren(element('dl'), orders);
  void showWait();
});
