/** The Cloud API on its port, and its media on a port of their own, if they are to have one. */
import { type ApiSimulator, startApi } from '../server.ts';
import type { SimulatedCloud } from './cloud.ts';

export interface CloudSimulator extends ApiSimulator {
  /** Where media are downloaded from, if not from `url`. */
  readonly mediaUrl: string | null;
}

export interface CloudPorts {
  readonly host?: string;
  readonly port?: number;
  /** 0: a free one; null: the same port. */
  readonly mediaPort: number | null;
}

/** Rejects with the error of `listen`, with nothing left open. */
export async function startCloud(cloud: SimulatedCloud, { mediaPort, ...at }: CloudPorts): Promise<CloudSimulator> {
  if (mediaPort === null) return { ...(await startApi(cloud, at)), mediaUrl: null };
  const media = await startApi(cloud.mediaHost, { ...at, port: mediaPort });
  cloud.mediaAt(media.port);
  try {
    const calls = await startApi(cloud, at);
    const close = async (): Promise<void> => {
      await Promise.all([calls.close(), media.close()]);
    };
    return { ...calls, mediaUrl: media.url, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await media.close();
    throw error;
  }
}
