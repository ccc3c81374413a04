/** Bodies for Weir's own endpoints: whoever logs in is nobody yet, and has the share of its network. */
import { describe, expect, it } from 'vitest';
import { BodyAllocation } from '../../src/bodies/body-allocation.ts';
import type { BodyBudget } from '../../src/bodies/body-budget.ts';
import { DiskBudget } from '../../src/bodies/disk.ts';
import { ownBounds } from '../../src/bodies/own-bounds.ts';
import { identified, received, routed } from '../../src/exchange/exchange.ts';
import type { Principal } from '../../src/exchange/principal.ts';
import { sharingOf } from '../../src/proxy.ts';
import { routeOf } from '../support/routes.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

const disk = new DiskBudget({ memoryMaxBytes: 65_536, diskMaxBytes: 0, filesMax: 0, callerFilesMax: 0 }, () => {
  throw new Error('no body of these goes to a file');
});
const bytes = 16_384;

/** What comes to log in from an address, or is a user's. */
function sharing(remote: string, principal: Principal = { kind: 'nobody' }): Principal {
  const origin = { peer: remote, remote, scheme: 'http', trusted: false };
  const head = { id: 'id', method: 'POST', target: '/', path: '/', fields: [], origin, arrivedAt: 0 };
  return sharingOf(identified(routed(received(head), routeOf('/v1/users/login')), principal));
}

const takes = (budget: BodyBudget, of: Principal): boolean => new BodyAllocation(budget, of, disk).tryTake(bytes);

describe('A flood of bodies', () => {
  it.each<[string, flood: () => Principal, other: () => Principal]>([
    ['of logins from one network', () => sharing('2001:db8::1'), () => sharing('2001:db8:0:1::1')],
    ['of logins', () => sharing('192.0.2.1'), () => sharing('', { kind: 'user', name: 'anna', role: 'ROLE_USER' })],
    ['of one user', () => sharing('', { kind: 'user', name: 'ben', role: 'ROLE_USER' }), () => sharing('192.0.2.1')],
  ])('%s leaves room for others', (_, flood, other) => {
    const { bodies } = ownBounds(new VirtualClock());
    let taken = 0;
    while (taken < 10_000 && takes(bodies, flood())) taken += 1;
    expect(taken).toBe(2_048);
    expect(takes(bodies, other())).toBe(true);
    expect(takes(bodies, flood())).toBe(false);
  });
});
