/** Which view is shown, of this replica or of the whole fleet, and the replicas of the latter. */
import { byId, fill, moment, say } from './dom.js';

export const isOfFleet = () => byId('fleet').checked;

/** @param call when the other view is wanted */
export function onView(call) {
  byId('fleet').addEventListener('change', () => {
    say(byId('classes-title'), isOfFleet() ? 'Classes of the fleet' : 'Classes of this replica');
    call();
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
