/** What a host that loses its power, or never was one, does not send: dropped by the kernel's own firewall. */
import { execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';

/** Whose packets are dropped, and which: `handshakes` are never finished, `ends` (FIN and RST) never arrive. */
export interface Unheard {
  readonly from: string;
  readonly what: 'handshakes' | 'ends';
}

const flagsOf: Readonly<Record<Unheard['what'], readonly (readonly [examined: string, set: string])[]>> = {
  handshakes: [['SYN,RST,FIN', 'NONE']],
  ends: [
    ['RST', 'RST'],
    ['FIN', 'FIN'],
  ],
};

/** Null: it can be done here. The firewall of a machine is left alone: only a network namespace of one's own is changed. */
export function whyNoFirewall(): string | null {
  const others = Object.keys(networkInterfaces()).filter((name) => name !== 'lo');
  return others.length === 0 ? null : 'it needs a network namespace of its own (bench/README.md)';
}

export function drop({ from, what }: Unheard): void {
  for (const [examined, set] of flagsOf[what]) {
    execFileSync('iptables', ['-A', 'INPUT', '-s', from, '-p', 'tcp', '--tcp-flags', examined, set, '-j', 'DROP']);
  }
}
