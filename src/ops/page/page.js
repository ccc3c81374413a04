/** The page of the ops port. It reads one stream of events, writes what came into the document, and sends orders. */

const kinds = ['came', 'held', 'sent', 'replayed', 'refused'];
const retryMs = 2_000;
/** Only here: it is gone with the page. */
let token = null;
let reading = null;

const byId = (id) => document.getElementById(id);

function element(name, text = '', attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

/** Changes only what differs, so that a screen reader and a focused button are left in peace. */
function say(node, text, className = '') {
  if (node.textContent !== text) node.textContent = text;
  if (node.className !== className) node.className = className;
}

const seconds = (ms) => (ms === null ? 'unknown' : `${(ms / 1_000).toFixed(1)} s`);
const sum = (counts) => counts.reduce((all, count) => all + count, 0);

/** Rows of a `dl`, in place. */
function tell(list, rows) {
  while (list.children.length > rows.length * 2) list.lastChild.remove();
  rows.forEach(([name, value, className], i) => {
    if (list.children.length <= i * 2) list.append(element('dt'), element('dd'));
    say(list.children[i * 2], name);
    say(list.children[i * 2 + 1], value, className);
  });
}

/** Rows of a table, in place. */
function fill(body, rows) {
  while (body.rows.length > rows.length) body.lastChild.remove();
  rows.forEach((cells, i) => {
    const row = body.rows[i] ?? body.insertRow();
    cells.forEach((cell, j) => {
      say(row.cells[j] ?? row.insertCell(), String(cell));
    });
  });
}

const namespace = 'http://www.w3.org/2000/svg';

/** Bars, one for each step. The table below says the same. */
function draw(figure, kind, counts) {
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, i) => {
    const height = (count / most) * 40;
    return `M${60 - counts.length + i} 40v-${height.toFixed(1)}h.8v${height.toFixed(1)}z`;
  });
  figure.querySelector('path').setAttribute('d', bars.join(''));
  say(figure.querySelector('figcaption'), `${kind} ${sum(counts)}`);
}

function figureOf() {
  const figure = element('figure');
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', '0 0 60 40');
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(namespace, 'path'));
  figure.append(svg, element('figcaption'));
  return figure;
}

function button(text, act) {
  const made = element('button', text, { type: 'button' });
  made.addEventListener('click', act);
  return made;
}

function cardOf(name) {
  const card = byId('class').content.cloneNode(true).firstElementChild;
  card.dataset.class = name;
  card.querySelector('h3').textContent = name;
  card.querySelector('.plots').append(...kinds.map(figureOf));
  const at = `pauses/classes/${encodeURIComponent(name)}`;
  card.querySelector('.operators').append(
    button(`Pause ${name} for 10 minutes`, () => order('PUT', at, { seconds: 600 })),
    button(`Resume ${name}`, () => order('DELETE', at)),
  );
  return card;
}

function classRows(line, bucket, permits) {
  const upstream = permits?.probing
    ? ['refuses everything; one request at a time tries it', 'bad']
    : bucket.pausedMs > 0
      ? [`asked for a pause, ${seconds(bucket.pausedMs)} more`, 'bad']
      : ['takes requests', 'good'];
  return [
    ['Wait', `${line.requests} of ${line.requestsMax}, of ${line.callers} callers`],
    ['Oldest', line.requests === 0 ? 'nobody' : seconds(line.oldestMs)],
    ['Bucket', `${bucket.level} of ${bucket.burst}; ${bucket.rate} a second flow back`],
    ['Buckets, slots at hand', `${bucket.live}, ${bucket.slotsHeld}`],
    ['In flight', permits === undefined ? '0' : `${permits.inUse} of ${Math.floor(permits.limit)}`],
    ['Bodies', `${Math.round(line.bytes / 1_024)} KiB`],
    ['The upstream', ...upstream],
  ];
}

function showClasses({ lines, buckets, permits, recent }) {
  const cards = byId('classes');
  for (const card of [...cards.children]) {
    if (!lines.some((line) => line.class === card.dataset.class)) card.remove();
  }
  byId('idle').hidden = lines.length > 0;
  for (const line of lines) {
    const of = (one) => one.class === line.class;
    let card = [...cards.children].find((one) => one.dataset.class === line.class);
    if (card === undefined) {
      card = cardOf(line.class);
      cards.append(card);
    }
    tell(card.querySelector('dl'), classRows(line, buckets.find(of), permits.find(of)));
    const lately = recent?.classes.find(of) ?? { came: [], held: [], sent: [], replayed: [], refused: [] };
    const figures = card.querySelectorAll('figure');
    kinds.forEach((kind, i) => {
      draw(figures[i], kind, lately[kind]);
    });
    if (card.querySelector('details').open) fill(card.querySelector('tbody'), minutesOf(lately, recent.stepMs));
  }
}

/** A row for each minute, the latest first. */
function minutesOf(lately, stepMs) {
  const steps = 60_000 / stepMs;
  const rows = [];
  for (let end = lately.came.length; end > 0; end -= steps) {
    rows.push([rows.length, ...kinds.map((kind) => sum(lately[kind].slice(Math.max(0, end - steps), end)))]);
  }
  return rows;
}

function showCallers({ callers = [], more = 0 }) {
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

function showOrders({ steering }) {
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

function showReplica(view) {
  const { replica, ready, why, store, config, connections } = view;
  say(
    byId('replica'),
    replica ? `${replica.name}, Weir ${replica.version}` : 'A replica of several workers: callers are not told',
  );
  say(byId('state'), ready ? 'Ready' : `Not ready: ${why}`, ready ? 'good' : 'bad');
  const refused = config.refused === null ? 'none' : `${config.refused.at}: ${config.refused.problems.join('; ')}`;
  tell(byId('about'), [
    ['Since', replica?.startedAt ?? 'unknown'],
    ['Connections', String(connections)],
    ['Store', `${store.kind}, ${store.up ? 'up' : 'away'}${store.fallback ? ', alone with its share' : ''}`],
    ['Configuration', `${config.hash || 'unnamed'}, in force since ${config.loadedAt}`],
    ['Refused reload', refused, config.refused === null ? '' : 'bad'],
    ['Waits for a restart', config.restartNeeded.join(', ') || 'nothing'],
  ]);
}

function show(view) {
  showReplica(view);
  showOrders(view);
  showClasses(view);
  showCallers(view);
}

const credentials = () => (token === null ? {} : { authorization: `Bearer ${token}` });

/** `EventSource` can't show a token, so the stream is read by hand. */
async function follow() {
  const mine = new AbortController();
  reading?.abort();
  reading = mine;
  while (reading === mine) {
    try {
      const response = await fetch('/events', { headers: credentials(), signal: mine.signal });
      if (response.status === 401 || response.status === 429) return await refused(response);
      if (!response.ok) throw new Error(`${response.status}`);
      document.body.classList.toggle('steers', token !== null);
      await read(response.body.pipeThrough(new TextDecoderStream()).getReader());
    } catch {
      // The next try tells.
    }
    if (reading !== mine) return;
    say(byId('state'), 'No connection; trying again', 'bad');
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

async function refused(response) {
  const { detail } = await response.json();
  token = null;
  document.body.classList.remove('steers');
  void follow();
  say(byId('said'), detail, 'bad');
}

async function order(method, path, body) {
  const response = await fetch(`/steering/${path}`, {
    method,
    headers: { ...credentials(), 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (response.ok) return say(byId('said'), 'Done', 'good');
  const { title, detail } = await response.json();
  return say(byId('said'), `${title}: ${detail}`, 'bad');
}

async function look(id) {
  const response = await fetch(`/status/requests/${encodeURIComponent(id)}`, { headers: credentials() });
  const told = await response.json();
  const place = byId('wait');
  if (!response.ok) return place.replaceChildren(element('p', told.detail));
  const list = element('dl');
  const front =
    told.inFront === null
      ? 'it does not stand in line'
      : `${told.inFront.own} of its own caller, ${told.inFront.others} of others`;
  tell(list, [
    ['Class', told.class],
    ['Caller', told.caller],
    ['Waits for', `${told.waitsFor}: ${told.limit}`],
    ['Place', told.place === null ? 'none' : String(told.place)],
    ['In front', front],
    ['Turn in', told.turnInMs === null ? 'unknown' : `${seconds(told.turnInMs)} at the earliest`],
    ['Waited', `${seconds(told.waitedMs)}; ${seconds(told.leftMs)} are left`],
    ['Sent', `${told.attempts} times`],
  ]);
  const orders = element('div', '', { class: 'operators' });
  const at = `requests/${encodeURIComponent(id)}`;
  orders.append(
    button('Let it go first', () => order('POST', `${at}/first`)),
    button('End its wait', () => order('POST', `${at}/end`)),
  );
  return place.replaceChildren(list, orders);
}

byId('operator').addEventListener('submit', (event) => {
  event.preventDefault();
  token = byId('token').value || null;
  byId('token').value = '';
  say(byId('said'), '');
  void follow();
});
byId('why').addEventListener('submit', (event) => {
  event.preventDefault();
  void look(byId('request').value);
});
// What scrolls can be scrolled with the keyboard.
byId('scrolls').tabIndex = 0;
void follow();
