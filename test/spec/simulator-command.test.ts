import { describe, expect, it } from 'vitest';
import { simulate } from '../../src/simulator/command.ts';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { ask } from '../support/ask.ts';
import { startProcess } from '../support/processes.ts';
import { until } from '../support/until.ts';

/** Runs the command; `whileItRuns` gets the URL that it printed. */
async function run(args: readonly string[], whileItRuns: (url: string) => Promise<void> = async () => {}) {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const stop = new AbortController();
  const output = { stdout: (line: string) => stdout.push(line), stderr: (line: string) => stderr.push(line) };
  const exited = simulate(args, output, stop.signal);
  try {
    await until(() => stdout.length + stderr.length > 0, { what: 'a first line' });
    const url = /http:\S+/.exec(stdout[0] ?? '')?.[0];
    if (url !== undefined) await whileItRuns(url);
  } finally {
    stop.abort();
  }
  return { code: await exited, stdout, stderr };
}

describe('weir simulate', () => {
  it('says where it listens and stops with 0', async () => {
    const ended = await run(['--port', '0'], async (url) => {
      expect((await ask('GET', `${url}/v1/health`)).status).toBe(200);
    });
    expect(ended).toMatchObject({
      code: 0,
      stdout: [expect.stringMatching(/^Coreapp simulator: http:\/\/127\.0\.0\.1:[1-9]\d*$/), expect.any(String)],
      stderr: [],
    });
  });

  it('takes every setting from its flags', async () => {
    const flags = [
      ...['--port', '0', '--latency-ms', '1', '--workers=2', '--service-ms', '3', '--queue-max', '4', '--overloaded'],
      ...['--limit', 'messages=5/6', '--limit=media=0.5/7', '--no-limits', '--fault', 'hang=0.25'],
      ...['--fault', 'truncate=next:8', '--fault', 'error503=0.5/3600000'],
      ...['--throttled-retry-after', 'date', '--overloaded-retry-after-seconds', '9', '--authorization', 'Bearer ours'],
    ];
    let settings: unknown;
    await run(flags, async (url) => {
      settings = (await ask('GET', `${url}/_simulator/settings`)).json;
    });
    expect(settings).toMatchObject({
      latencyMs: 1,
      workers: 2,
      serviceMs: 3,
      queueMax: 4,
      overloaded: true,
      limitsEnforced: false,
      limits: { messages: { ratePerS: 5, burst: 6 }, media: { ratePerS: 0.5, burst: 7 }, contacts: { ratePerS: 20 } },
      faults: {
        hang: 0.25,
        truncate: { next: 8 },
        error503: { share: 0.5, ms: expect.closeTo(3_600_000, -5) },
        error500: 0,
      },
      throttledRetryAfter: 'date',
      overloadedRetryAfterSeconds: 9,
      authorization: 'Bearer ours',
    });
  });

  it('lists every flag, fault and class with --help', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const word of ['--latency-ms N', '--control-port N', '--limit CLASS', 'resetAfterBody', 'stickers']) {
      expect(stdout.join('\n')).toContain(word);
    }
  });

  const asAFault = 'give NAME=SHARE, such as hang=0.1, error503=1/3000 or truncate=next:3';
  it.each([
    ['--latency-ms abc', '--latency-ms: "abc" is not a number; give milliseconds, a whole number from 0 to 3600000'],
    ['--latency-ms=-1', '--latency-ms: -1 is too small; give milliseconds, a whole number from 0 to 3600000'],
    ['--latency-ms -1', '--latency-ms: a value that begins with "-" is written --latency-ms=-…'],
    ['--latency-ms', '--latency-ms: needs a value; weir simulate --help lists what would be right'],
    ['--workers 1e3', '--workers: "1e3" is not a number; give jobs at once, a whole number from 0 to 1000000'],
    ['--port 65536', '--port: "65536" is not a port; give a whole number from 0 to 65535'],
    ['--control-port x', '--control-port: "x" is not a port; give a whole number from 0 to 65535'],
    ['--overloaded=1', '--overloaded: takes no value; leave it out'],
    ['--frobnicate', '--frobnicate: unknown; weir simulate --help lists what there is'],
    ['8081', '"8081": stands alone; give options only, such as --port 8081'],
    ['--limit messages', '--limit: "messages" is not right; give CLASS=RATE/BURST, such as messages=50/150'],
    ['--limit messages=0/1', '--limit messages.ratePerS: 0 is too small; give requests a second, a number above 0'],
    ['--fault hang=0.1/5/5', `--fault: "hang=0.1/5/5" is not right; ${asAFault}`],
    ['--fault hang', `--fault: "hang" is not right; ${asAFault}`],
    [
      '--fault hang=2',
      '--fault hang: 2 is too big; give a fraction from 0 to 1, {"next": N} for the next N, or {"share": FRACTION, "ms": N} for the next N milliseconds',
    ],
    ['--host=', '--host: "" is empty; give an address, such as 127.0.0.1'],
    [
      '--host 192.0.2.1 --port 0',
      '--host: "192.0.2.1" is no address of this machine; give one, such as 127.0.0.1 or 0.0.0.0',
    ],
  ])('%s is told in one line, exit 1', async (args, line) => {
    expect(await run(args.split(' '))).toEqual({ code: 1, stdout: [], stderr: [`weir simulate: ${line}`] });
  });

  it('names every problem at once', async () => {
    const { stderr } = await run(['--workers', 'x', '--fault', 'hangs=1', '--port', 'y']);
    expect(stderr.map((line) => line.split(': ')[1])).toEqual(['--port', '--workers', '--fault hangs']);
  });

  it.each(['--port', '--control-port'])('%s of somebody else is told in one line, exit 1', async (flag) => {
    await using other = await startSimulator();
    const free = flag === '--port' ? [] : ['--port', '0'];
    expect(await run([...free, flag, String(other.port)])).toEqual({
      code: 1,
      stdout: [],
      stderr: [`weir simulate: ${flag}: ${other.port} on 127.0.0.1 is taken; give another, or 0 for a free one`],
    });
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('stops on %s with exit code 0', async (signal) => {
    await using weir = startProcess(['simulate', '--port', '0']);
    await weir.waitForLine(/^Control endpoint: /);
    weir.kill(signal);
    expect(await weir.exited).toEqual({ code: 0, signal: null });
  });
});
