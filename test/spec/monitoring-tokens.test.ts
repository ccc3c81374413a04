/** When the tokens of monitoring expire, so that an alert comes before the scraping stops. */
import { describe, expect, it } from 'vitest';
import { Lately } from '../../src/adapters/prometheus/lately.ts';

const minuteMs = 60_000;

describe('The soonest expiry of the tokens seen lately', () => {
  const sightings = (...seen: readonly (readonly [atMin: number, expiresAtMs: number])[]) => {
    let now = 0;
    const lately = new Lately(() => now);
    for (const [atMin, expiresAtMs] of seen) {
      now = atMin * minuteMs;
      lately.saw(expiresAtMs);
    }
    return (atMin: number): number | null => {
      now = atMin * minuteMs;
      return lately.soonestMs();
    };
  };

  it('is none before any was seen', () => expect(sightings()(0)).toBe(null));
  it('is that of the only one', () => expect(sightings([1, 700])(2)).toBe(700));
  it('is the least, whichever came first', () => expect(sightings([1, 700], [2, 900], [3, 800])(4)).toBe(700));
  it('is kept for ten minutes after the last sighting', () => expect(sightings([9, 700])(19)).toBe(700));
  it('is gone after twenty', () => expect(sightings([9, 700])(29)).toBe(null));
  it('is gone after a long silence', () => expect(sightings([9, 700], [300, 900])(301)).toBe(900));
  it('is the new token’s once the old one has not come for a while', () => {
    expect(sightings([1, 700], [2, 900], [15, 900], [25, 900])(26)).toBe(900);
  });
});
