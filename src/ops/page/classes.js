/** Classes: what waits, what may go, and the last 15 minutes as plots. */
import { button, byId, element, fill, say, seconds, sum, tell } from './dom.js';
import { order } from './orders.js';

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

export function showClasses({ lines, buckets, permits, recent }) {
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
