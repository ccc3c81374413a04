/** The page of the ops port. It reads one stream of events, writes what came into the document, and sends orders. */
import { showCallers } from './callers.js';
import { showClasses } from './classes.js';
import { byId, moment, say, tell } from './dom.js';
import { onView, showFleet, viewQuery } from './fleet.js';
import { credentials, hasToken, orderForm, showOrders, useToken } from './orders.js';
import { showWait } from './wait.js';

const retryMs = 2_000;
let reading = null;
/** Which replica this is; null: it has not said so. */
let name = null;

function showReplica(view) {
  const { replica, ready, why, store, config, connections } = view;
  ({ name } = replica);
  say(byId('replica'), `${replica.name}, Weir ${replica.version}`);
  say(byId('state'), ready ? 'Ready' : `Not ready: ${why}`, ready ? 'good' : 'bad');
  const refused =
    config.refused === null ? 'none' : `${moment(config.refused.at)}: ${config.refused.problems.join('; ')}`;
  tell(byId('about'), [
    ['Since', moment(replica.startedAt)],
    ['Connections', String(connections)],
    ['Store', `${store.kind}, ${store.up ? 'up' : 'away'}${store.fallback ? ', alone with its share' : ''}`],
    ['Configuration', `${config.hash || 'unnamed'}, in force since ${moment(config.loadedAt)}`],
    ['Refused reload', refused, config.refused === null ? '' : 'bad'],
    ['Waits for a restart', config.restartNeeded.join(', ') || 'nothing'],
  ]);
}

function show(view) {
  showReplica(view);
  showFleet(view);
  showOrders(view);
  showClasses(view);
  showCallers(view);
  void showWait();
}

/** `EventSource` can't show a token, so the stream is read by hand. */
async function follow() {
  const mine = new AbortController();
  reading?.abort();
  reading = mine;
  while (reading === mine) {
    try {
      const response = await fetch(`/events?${viewQuery()}`, {
        headers: credentials(),
        signal: mine.signal,
      });
      if (response.status === 401 || response.status === 429) return await refused(response);
      if (!response.ok) throw new Error(`${response.status}`);
      showOperator();
      await read(response.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch {
      // The next try tells.
    }
    if (reading !== mine) return;
    say(byId('state'), 'No connection. What is shown is as it was; trying again', 'bad');
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}

async function read(reader) {
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const events = text.split('\n\n');
    text = events.pop();
    const last = events.findLast((event) => event.startsWith('data: '));
    if (last !== undefined && !document.hidden) show(JSON.parse(last.slice(6)));
  }
}

function showOperator() {
  document.body.classList.toggle('steers', hasToken());
  say(byId('use'), hasToken() ? 'Forget the operator’s token' : 'Use it');
}

async function refused(response) {
  const { detail } = await response.json();
  useToken(null);
  showOperator();
  void follow();
  say(byId('said'), detail, 'bad');
}

byId('operator').addEventListener('submit', (event) => {
  event.preventDefault();
  useToken(byId('token').value || null);
  byId('token').value = '';
  say(byId('said'), '');
  void follow();
});
onView(() => void follow());
orderForm(byId('drain'), 'Drain this replica', () => `drains/${encodeURIComponent(name)}`);
// What scrolls can be scrolled with the keyboard.
for (const id of ['scrolls', 'replicas-scroll']) byId(id).tabIndex = 0;
void follow();
