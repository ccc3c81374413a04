/** Which settings name TLS files, and what the files contain: problems with the place that gave them, and notes. */
import type { TlsParts } from './config.ts';
import type { Given } from './layer.ts';
import type { Problem } from './problems.ts';
import type { Settings } from './schema.ts';
import { dateNote, readTls, type TlsFiles } from './tls.ts';

interface TlsFilesRead {
  readonly parts: TlsParts;
  readonly problems: readonly Problem[];
  /** What an operator should know before the start. */
  readonly notes: readonly string[];
}

export function readTlsFiles(
  settings: Settings,
  given: ReadonlyMap<string, Given>,
  readFile: (path: string) => string,
  wallMs: number,
): TlsFilesRead {
  const problems: Problem[] = [];
  const notes: string[] = [];
  const read = (files: TlsFiles) => {
    const { material, certificate, problems: found } = readTls(paired(files), readFile);
    problems.push(...found.map((problem) => ({ ...problem, where: given.get(problem.where)?.where ?? problem.where })));
    const note = certificate === null ? null : dateNote(certificate, wallMs);
    if (note !== null) notes.push(`${files.cert.setting}: ${note}`);
    return material;
  };
  const { listen: files, coreapp, redis } = tlsFilesOf(settings);
  const material = read(files);
  const { minVersion } = settings.listen.tls;
  const listen = material.cert === null ? null : { files, minVersion, material };
  return { parts: { listen, coreapp: read(coreapp), redis: read(redis) }, problems, notes };
}

/** The files that the settings of each side name, one that speaks no TLS included. */
export function tlsFilesOf(settings: Settings): Readonly<Record<'listen' | 'coreapp' | 'redis', TlsFiles>> {
  const { clientCaFile, ...pair } = settings.listen.tls;
  return {
    listen: filesOf('listen.tls', { ...pair, caFile: clientCaFile }, 'clientCaFile'),
    coreapp: filesOf('coreapp', settings.coreapp),
    redis: filesOf('redis', settings.redis),
  };
}

type NamedFiles = Readonly<Record<'caFile' | 'certFile' | 'keyFile', string | null>>;

function filesOf(section: string, { caFile, certFile, keyFile }: NamedFiles, ca = 'caFile'): TlsFiles {
  return {
    ca: { setting: `${section}.${ca}`, path: caFile },
    cert: { setting: `${section}.certFile`, path: certFile },
    key: { setting: `${section}.keyFile`, path: keyFile },
  };
}

/** One of a pair alone is a clash of its own (connection-rules.ts): its file is then not looked at. */
function paired(files: TlsFiles): TlsFiles {
  const whole = files.cert.path !== null && files.key.path !== null;
  return whole ? files : { ...files, cert: { ...files.cert, path: null }, key: { ...files.key, path: null } };
}
