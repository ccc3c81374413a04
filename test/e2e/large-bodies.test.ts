/** Real processes whose disk is too small, can't be written to, or has outlived a crash. */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, type TestContext } from 'vitest';
import { notApplicable } from '../support/not-applicable.ts';
import { startProcess } from '../support/processes.ts';
import { openCaller } from '../support/raw.ts';
import { until } from '../support/until.ts';
import { login, type RunningWeir, startWeir } from '../support/weir.ts';

const mib = 2 ** 20;
let folder: string;
let mounted: boolean;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
  mounted = false;
});
afterEach(() => {
  if (mounted) execFileSync('umount', [folder]);
  rmSync(folder, { recursive: true });
});

/** A file system of one MiB, where the tests may make one. */
function mountSmall(context: TestContext): void {
  if (process.getuid?.() !== 0) notApplicable(context, 'only root can mount a file system');
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'pipe' });
    mounted = true;
  } catch (error) {
    context.skip(`a file system can't be mounted here: ${(error as Error).message.trim()}`);
  }
}

const own = () => join(folder, `weir-${process.getuid?.()}`);

async function upload(weir: RunningWeir, token: string, bytes: number): Promise<{ status: number; code?: number }> {
  const response = await fetch(`${weir.url}/v1/media`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' },
    body: Buffer.alloc(bytes, 'x'),
  });
  const json = (await response.json()) as { errors?: [{ code: number }] };
  const code = json.errors?.[0].code;
  return code === undefined ? { status: response.status } : { status: response.status, code };
}

const openFiles = ({ process: { pid } }: RunningWeir): string[] =>
  readdirSync(`/proc/${pid}/fd`)
    .map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return '';
      }
    })
    .filter((path) => path.startsWith(folder));

/** Three that are too large, one that is not: refused with a reason, once in the log, and nothing of them is left. */
async function refusesWhatIsTooLarge(weir: RunningWeir, reason: string): Promise<void> {
  const token = await login(weir.url);
  for (let i = 0; i < 3; i++) expect(await upload(weir, token, 2 * mib)).toEqual({ status: 503, code: 1016 });
  expect(await upload(weir, token, mib / 2)).toEqual({ status: 201 });
  await until(() => openFiles(weir).length === 0, { what: 'every file to be closed' });
  expect(readdirSync(own())).toEqual([]);
  const requests = () => weir.process.stdout.filter((line) => line.includes('"path":"/v1/media"'));
  await until(() => requests().length === 4, { what: 'the log to tell of all four' });
  const said = weir.process.stdout.filter((line) => line.includes('"msg":"bodies: the disk fails'));
  expect(said.map((line) => JSON.parse(line))).toMatchObject([{ level: 'error', folder: own(), reason }]);
}

describe('a disk that is full', () => {
  it('because no file may be larger (EFBIG)', async () => {
    await using weir = await startWeir({ TMPDIR: folder }, { fileMaxBlocks: 2_048 });
    await refusesWhatIsTooLarge(weir, 'EFBIG');
  });

  it('because there is no space left (ENOSPC); the log warns of it, and of a disk that is memory', async (context) => {
    mountSmall(context);
    await using weir = await startWeir({ TMPDIR: folder });
    await refusesWhatIsTooLarge(weir, 'ENOSPC');
    const { stdout } = weir.process;
    expect(stdout.filter((line) => line.includes('bodies.folder is in memory (tmpfs)'))).toHaveLength(1);
    expect(stdout.filter((line) => line.includes('bodies.folder has less room than bodies.diskMaxBytes'))).toHaveLength(
      1,
    );
  });
});

describe('a folder that can’t be written to', () => {
  const start = (env: Record<string, string> = {}) =>
    startProcess(['serve'], { env: { HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0', TMPDIR: folder, ...env } });

  it('keeps Weir from starting, which names it and what would be right', async () => {
    writeFileSync(own(), '');
    await using process = start();
    expect(await process.exited).toEqual({ code: 1, signal: null });
    expect(process.stderr).toEqual([
      `weir serve: bodies.folder: ${own()} is not a folder; remove it, or set bodies.folder to another place for Weir's folder`,
    ]);
  });

  it('does so where its file system is read-only', async (context) => {
    mountSmall(context);
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    await using process = start();
    expect(await process.exited).toEqual({ code: 1, signal: null });
    expect(process.stderr[0]).toContain('(EROFS)');
  });

  it('does not matter where no body is larger than what stays in memory', async () => {
    writeFileSync(own(), '');
    const config = join(folder, 'weir.yaml');
    writeFileSync(config, 'bodies: { memoryMaxBytes: 104857600 }');
    await using process = start({ WEIR_CONFIG: config });
    await process.waitForLine(/"msg":"serving"/);
    await process.stop(60_000, 'SIGINT');
  });
});

describe('a crash', () => {
  it('leaves nothing of a body that was held', async () => {
    const weir = await startWeir({ TMPDIR: folder });
    const token = await login(weir.url);
    await using caller = await openCaller(Number(new URL(weir.url).port));
    caller.send(
      `POST /v1/media HTTP/1.1\r\nHost: weir\r\nAuthorization: Bearer ${token}\r\nContent-Length: ${2 * mib}\r\n\r\n`,
    );
    caller.send(Buffer.alloc(mib));
    await until(() => openFiles(weir).length === 1, { what: 'a file to be open' });
    await until(() => readdirSync(own()).length === 0, { what: 'its name to be gone' });
    expect(await weir.process.stop(60_000, 'SIGKILL')).toMatchObject({ signal: 'SIGKILL' });
    expect(readdirSync(own())).toEqual([]);
  });

  it('between a file’s making and its unlinking leaves a name, which the next start removes', async () => {
    mkdirSync(own());
    writeFileSync(join(own(), `weir-body-${randomUUID()}`), '');
    await using _ = await startWeir({ TMPDIR: folder });
    expect(readdirSync(own())).toEqual([]);
  });
});
