/** Which view is shown: of this replica or of the whole fleet, with idle classes or without; and the replicas of the fleet. */
import { byId, fill, moment, say } from './dom.js';

const choices = ['fleet', 'idle'];

/** What the stream is asked for. */
export const viewQuery = () => choices.map((name) => `${name}=${byId(name).checked}`).join('&');

/** @param call when another view is wanted */
export function onView(call) {
  for (const name of choices) byId(name).addEventListener('change', call);
  byId('fleet').addEventListener('change', () => {
    say(byId('classes-title'), byId('fleet').checked ? 'Classes of the fleet' : 'Classes of this replica');
  });
}

const stateOf = ({ ready, fallback }) => `${ready ? 'ready' : 'not ready'}${fallback ? ', alone with its share' : ''}`;

export function showFleet({ fleet, store }) {
  // One that is alone has no fleet.
  byId('view').hidden = store.kind !== 'redis';
  byId('replicas').hidden = fleet === undefined;
  if (fleet === undefined) return;
  const rows = fleet.replicas.map((one) => [
    one.name,
    stateOf(one),
    one.version,
    one.workers,
    one.requests,
    one.connections,
    one.hash || 'unnamed',
    moment(one.loadedAt),
  ]);
  fill(byId('replicas-list').tBodies[0], rows);
  const silent =
    fleet.silent > 0 ? `${fleet.silent} more processes tell nothing: of another version, or just started.` : '';
  const away = fleet.complete ? '' : 'Redis does not answer: there may be others.';
  say(byId('silent'), [silent, away].filter(Boolean).join(' '), fleet.complete ? '' : 'bad');
}
