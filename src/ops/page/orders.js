/** Orders: those in force, and those that whoever has the operator's token gives. */
import { byId, element, say } from './dom.js';

/** Only here: it is gone with the page. */
let token = null;
/** How long it can be read that an order was taken. What went wrong can be read until the next order. */
const doneMs = 8_000;

/** @param shown what was typed in; null: nobody is an operator any more */
export function useToken(shown) {
  token = shown;
}

export const hasToken = () => token !== null;
export const credentials = () => (hasToken() ? { authorization: `Bearer ${token}` } : {});

/** @param what it is called to whoever gave it */
async function order(what, method, path, body) {
  const said = byId('said');
  // Said again where it is the same again.
  say(said, '');
  try {
    const response = await fetch(`/steering/${path}`, {
      method,
      headers: { ...credentials(), 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const { wasInForce, title, detail } = await response.json();
    if (wasInForce === false) return sayDone(said, `${what}: nothing was in force`);
    if (response.ok) return sayDone(said, `Done: ${what}`);
    return say(said, `${what}: ${title}. ${detail}`, 'bad');
  } catch {
    return say(said, `${what}: no answer came. The order may have been taken.`, 'bad');
  }
}

function sayDone(said, text) {
  say(said, text, 'good');
  setTimeout(() => {
    if (said.textContent === text) say(said, '');
  }, doneMs);
}

/** A button that gives one order. @param short what can be read on it; a screen reader says all of `what` */
export function orderButton(what, [method, path, body], short = what) {
  const made = element('button', short, { type: 'button', title: what, 'aria-label': what });
  made.addEventListener('click', () => order(what, method, path, body));
  return made;
}

/**
 * A form for an order that lasts for so many minutes.
 * @param where its path, when it is given
 * @param said what else its body says, by the form's fields
 */
export function orderForm(form, what, where, said = () => ({})) {
  form.setAttribute('aria-label', what);
  form.querySelector('button').textContent = what;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const number = (name) => form.elements[name].valueAsNumber;
    void order(what, 'PUT', where(), { seconds: number('minutes') * 60, ...said(number) });
  });
}

const paths = {
  pauseClass: (one) => `pauses/classes/${encodeURIComponent(one.class)}`,
  pauseCaller: (one) => `pauses/callers/${encodeURIComponent(one.caller)}`,
  limit: (one) => `limits/${encodeURIComponent(one.class)}`,
  drain: (one) => `drains/${encodeURIComponent(one.replica)}`,
};
const words = {
  pauseClass: (one) => `The class ${one.class} is paused`,
  pauseCaller: (one) => `${one.caller} is paused`,
  limit: (one) => `The limit of ${one.class} is ${one.rate} a second, ${one.burst} at once`,
  drain: (one) => `${one.replica} is drained`,
};

export function showOrders({ steering }) {
  const list = byId('orders-list');
  const inForce = steering?.inForce ?? [];
  byId('orders').hidden = inForce.length === 0;
  const key = JSON.stringify(inForce.map((one) => one.order));
  if (list.dataset.key !== key) {
    list.dataset.key = key;
    list.replaceChildren(
      ...inForce.map((one) => {
        const item = element('li');
        const end = orderButton(
          `End: ${words[one.order.kind](one.order)}`,
          ['DELETE', paths[one.order.kind](one.order)],
          'End',
        );
        end.className = 'operators';
        item.append(element('span'), ' ', end);
        return item;
      }),
    );
  }
  inForce.forEach((one, i) => {
    const where = steering.reach === 'fleet' ? 'in all replicas' : 'in this replica';
    const left = Math.ceil(one.leftMs / 60_000);
    say(list.children[i].firstChild, `${words[one.order.kind](one.order)}, ${where}, for ${left} min more.`);
  });
}
