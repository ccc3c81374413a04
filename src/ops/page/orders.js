/** Orders: those in force, and those that whoever has the operator's token gives. */
import { button, byId, element, say } from './dom.js';

/** Only here: it is gone with the page. */
let token = null;

/** @param shown what was typed in; null: nobody is an operator any more */
export function useToken(shown) {
  token = shown;
}

export const hasToken = () => token !== null;
export const credentials = () => (hasToken() ? { authorization: `Bearer ${token}` } : {});

export async function order(method, path, body) {
  const response = await fetch(`/steering/${path}`, {
    method,
    headers: { ...credentials(), 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.ok) return say(byId('said'), 'Done', 'good');
  const { title, detail } = await response.json();
  return say(byId('said'), `${title}: ${detail}`, 'bad');
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
        const end = button(`End: ${words[one.order.kind](one.order)}`, () =>
          order('DELETE', paths[one.order.kind](one.order)),
        );
        end.className = 'ends';
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
