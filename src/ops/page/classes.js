/** Classes: what waits, what may go, and the last 15 minutes as plots. */
import { byId, element, fill, say, seconds, sum, tell, turn, whole } from './dom.js';
import { orderButton, orderForm } from './orders.js';

const kinds = ['came', 'held', 'sent', 'replayed', 'refused'];
const namespace = 'http://www.w3.org/2000/svg';

/** Bars, one for each step. The table below says the same. */
function draw(figure, kind, counts) {
  const most = Math.max(1, ...counts);
  const bars = counts.map((count, i) => {
    const height = (count / most) * 40;
    return `M${60 - counts.length + i} 40v-${height.toFixed(1)}h.8v${height.toFixed(1)}z`;
  });
  figure.querySelector('path').setAttribute('d', bars.join(''));
  say(figure.querySelector('figcaption'), `${kind} ${whole(sum(counts))}`);
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

function cardOf(name, bucket) {
  const card = byId('class').content.cloneNode(true).firstElementChild;
  card.dataset.class = name;
  card.querySelector('h3').textContent = name;
  card.querySelector('.plots').append(...kinds.map(figureOf));
  // What scrolls can be scrolled with the keyboard.
  const scrolls = card.querySelector('.scrolls');
  scrolls.tabIndex = 0;
  scrolls.ariaLabel = `${name}: the last 15 minutes`;
  const part = encodeURIComponent(name);
  const at = `pauses/classes/${part}`;
  card
    .querySelector('div.operators')
    .append(
      orderButton(`Pause ${name} for 10 minutes`, ['PUT', at, { seconds: 600 }]),
      orderButton(`Resume ${name}`, ['DELETE', at]),
    );
  const form = card.querySelector('form');
  form.elements.rate.value = bucket.rate;
  form.elements.burst.value = bucket.burst;
  const said = (number) => ({ rate: number('rate'), burst: number('burst') });
  orderForm(form, `Limit ${name}`, () => `limits/${part}`, said);
  return card;
}

function upstreamOf(bucket, permits) {
  if (permits?.probing) return ['refuses everything; one request at a time tries it', 'bad'];
  if (bucket.pausedMs > 0) return [`asked for a pause, ${seconds(bucket.pausedMs)} more`, 'bad'];
  return ['takes requests', 'good'];
}

const callersOf = (count) => (count === 1 ? '1 caller' : `${whole(count)} callers`);

function classRows({ line, bucket, permits, lanes, next }) {
  return [
    ['Wait', `${whole(line.requests)} of ${whole(line.requestsMax)}, of ${callersOf(line.callers)}`],
    ['Oldest', line.requests === 0 ? 'nobody' : seconds(line.oldestMs)],
    ['Next turn in', next === undefined ? 'nobody' : turn(next)],
    [bucket.live > 1 ? `Emptiest of ${bucket.live} buckets` : 'Bucket', `${bucket.level} of ${bucket.burst}`],
    ['Refill', `${bucket.rate} a second`],
    ['Slots at hand', whole(bucket.slotsHeld)],
    ...lanes.map(({ limit, live, parked, paused }) => [
      `Lanes, ${limit}`,
      `${whole(live)}, ${whole(parked)} wait in them, ${whole(paused)} pause`,
    ]),
    ['In flight', permits === undefined ? '0' : `${permits.inUse} of ${Math.floor(permits.limit)}`],
    ['Bodies', `${whole(Math.round(line.bytes / 1_024))} KiB`],
    ['The upstream', ...upstreamOf(bucket, permits)],
  ];
}

/** A card in which somebody types stays, though its class is idle now. */
function removeOthers(cards, lines) {
  for (const card of [...cards.children]) {
    if (lines.some((line) => line.class === card.dataset.class)) continue;
    if (card.contains(document.activeElement)) tell(card.querySelector('dl'), [['Wait', 'nobody: the class is idle']]);
    else card.remove();
  }
}

export function showClasses({ lines, buckets, permits, lanes, callers = [], recent }) {
  const cards = byId('classes');
  removeOthers(cards, lines);
  byId('all-idle').hidden = cards.children.length > 0 || lines.length > 0;
  for (const line of lines) {
    const of = (one) => one.class === line.class;
    const bucket = buckets.find(of);
    let card = [...cards.children].find((one) => one.dataset.class === line.class);
    if (card === undefined) {
      card = cardOf(line.class, bucket);
      cards.append(card);
    }
    const rows = classRows({
      line,
      bucket,
      permits: permits.find(of),
      lanes: lanes.filter(of),
      next: callers.find(of),
    });
    tell(card.querySelector('dl'), rows);
    const lately = recent?.classes.find(of) ?? { came: [], held: [], sent: [], replayed: [], refused: [] };
    const figures = card.querySelectorAll('figure');
    kinds.forEach((kind, i) => {
      draw(figures[i], kind, lately[kind]);
    });
    if (recent !== undefined) fill(card.querySelector('tbody'), minutesOf(lately, recent.stepMs));
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
