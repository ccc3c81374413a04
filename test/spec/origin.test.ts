/** Who the caller is, behind proxies that write `X-Forwarded-For` in their own ways, and behind those who make it up. */
import { describe, expect, it } from 'vitest';
import { trustIn } from '../../src/adapters/node/trust.ts';
import { addressAsked, originOf } from '../../src/http/forwarded.ts';
import { addressIn, networkOf } from '../../src/http/network.ts';
import { createStrayProxyWarning } from '../../src/profiles/coreapp/stray-proxy.ts';

const trusts = trustIn(['127.0.0.0/8', '198.51.100.0/24', 'fd00::/8']);
const remoteOf = (peer: string, ...values: string[]): string => {
  const fields = values.flatMap((value) => ['X-Forwarded-For', value]);
  return originOf(peer, false, fields, trusts).remote;
};

describe('A hop in X-Forwarded-For', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7:2000', '203.0.113.7'],
    ['[203.0.113.7]:2000', null],
    ['2001:db8::1', '2001:db8::1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:2000', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['[fe80::1%eth0.7]:80', 'fe80::1'],
    ['::', '::'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7::'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['[::FFFF:cb00:7107]:80', '203.0.113.7'],
    ['64:ff9b::203.0.113.7', '64:ff9b::203.0.113.7'],
    ['', null],
    ['unknown', null],
    ['_hidden', null],
    ['203.0.113', null],
    ['203.0.113.07', null],
    ['203.0.113.256', null],
    ['203.0.113.7:', null],
    ['203.0.113.7:123456', null],
    ['203.0.113.7:80:80', null],
    ['203.0.113.7%eth0', null],
    ['203.0.113.7 x', null],
    ['[2001:db8::1', null],
    ['2001:db8::1]', null],
    ['[[::1]]', null],
    ['1:2:3:4:5:6:7:8:9', null],
    ['1:2:3:4:5:6:7', null],
    ['1::2::3', null],
    [':::', null],
    ['1:2:3:4:5:6:7::8', null],
    ['12345::', null],
    ['g::', null],
    ['::1.2.3.256', null],
    ['::1.2.3.4:5', null],
    ['"203.0.113.7"', null],
    [`::1%${'x'.repeat(3_000)}`, null],
    ['1'.repeat(3_000), null],
  ])('%j: %s', (hop, address) => {
    expect(addressIn(hop)).toBe(address);
  });
});

describe('The caller', () => {
  it.each([
    ['is the peer where that isn’t trusted', '203.0.113.9', ['203.0.113.7'], '203.0.113.9'],
    ['is the peer where nothing is said', '127.0.0.1', [], '127.0.0.1'],
    [
      'is the first from the right that isn’t trusted',
      '127.0.0.1',
      ['1.1.1.1, 203.0.113.7, 198.51.100.2'],
      '203.0.113.7',
    ],
    ['is found over several fields', '127.0.0.1', ['203.0.113.7', '198.51.100.2, fd00::1'], '203.0.113.7'],
    ['is found behind a trusted hop with a port', '127.0.0.1', ['203.0.113.7:81, [fd00::1]:82'], '203.0.113.7'],
    ['is found beside empty elements', '127.0.0.1', [' , 203.0.113.7 , ,'], '203.0.113.7'],
    ['is the last trusted one where junk follows', '127.0.0.1', ['203.0.113.7, junk, 198.51.100.2'], '198.51.100.2'],
    ['is the peer where junk is all that there is', '127.0.0.1', ['x'.repeat(3_000)], '127.0.0.1'],
  ])('%s', (_, peer, values, remote) => {
    expect(remoteOf(peer, ...values)).toBe(remote);
  });

  it('is one, whatever its port', () => {
    const from = Array.from({ length: 15 }, (_, i) => remoteOf('127.0.0.1', `10.9.9.9:${2000 + i}`));
    expect(new Set(from)).toEqual(new Set(['10.9.9.9']));
  });
});

it.each([
  ['203.0.113.7', 64, '203.0.113.7'],
  ['::ffff:203.0.113.7', 56, '203.0.113.7'],
  ['2001:0DB8:0:00ab::1', 64, '2001:db8:0:ab'],
  ['2001:db8:0:12ab::1%eth0', 56, '2001:db8:0:1200'],
  ['2001:db8::1:2:3:4', 64, '2001:db8:0:0'],
  ['neither: nor', 64, 'neither: nor'],
] as const)('The network of %s of %i bits is %s', (address, bits, network) => {
  expect(networkOf(address, bits)).toBe(network);
});

it('A peer that isn’t trusted and sends X-Forwarded-For is warned of once', () => {
  const peers: unknown[] = [];
  const look = createStrayProxyWarning({ warn: (_, fields) => void peers.push(fields?.peer) });
  const arrives = (peer: string, fields: readonly string[]): void =>
    look({ origin: originOf(peer, false, fields, trusts), fields });
  arrives('203.0.113.1', []);
  arrives('127.0.0.1', ['x-forwarded-for', '203.0.113.7']);
  expect(peers).toEqual([]);
  for (const peer of ['203.0.113.2', '203.0.113.3']) arrives(peer, ['x-forwarded-for', '203.0.113.7']);
  expect(peers).toEqual(['203.0.113.2']);
});

describe('Where the caller has asked', () => {
  const asked = (peer: string, fields: string[], secure = false) =>
    addressAsked(originOf(peer, secure, fields, trusts), fields);
  it.each([
    ['its Host, over what it came by', asked('203.0.113.1', ['Host', 'weir:8080'], true), 'https://weir:8080'],
    [
      'what a trusted proxy says',
      asked('127.0.0.1', ['Host', 'inside', 'X-Forwarded-Host', 'weir.example', 'X-Forwarded-Proto', 'https']),
      'https://weir.example',
    ],
    ['the first of several', asked('127.0.0.1', ['Host', 'a', 'X-Forwarded-Host', 'b.example, c']), 'http://b.example'],
    ['nothing that others say', asked('203.0.113.1', ['Host', 'a', 'X-Forwarded-Host', 'evil']), 'http://a'],
    ['nothing that is no host', asked('127.0.0.1', ['Host', 'a', 'X-Forwarded-Host', 'b"c']), null],
    ['nothing', asked('203.0.113.1', []), null],
  ])('is %s', (_, address, expected) => expect(address).toBe(expected));
});
