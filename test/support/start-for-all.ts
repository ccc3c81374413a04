import { afterAll } from 'vitest';
import { startTestApp, type TestApp } from './app.ts';
import { startUpstream, type Upstream } from './upstream.ts';

/** An upstream with Weir in front of it, for all tests of a file or of a block. @param yaml as for `startTestApp` */
export async function startForAll(yaml?: string): Promise<{ readonly upstream: Upstream; readonly app: TestApp }> {
  const upstream = await startUpstream();
  const app = await startTestApp(upstream.url, yaml);
  afterAll(async () => {
    await app.close(0);
    await upstream.stop();
  });
  return { upstream, app };
}
