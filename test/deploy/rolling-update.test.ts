/** A new version of the image takes the place of the old one while callers go on: nobody of them is to notice. */
import { beforeAll, describe, expect, inject, it } from 'vitest';
import { testFile } from '../support/files.ts';
import { startRedis } from '../support/redis.ts';
import { pass } from '../support/until.ts';
import {
  type Answered,
  adminPassword,
  byStatus,
  login,
  offerMessages,
  startSimulatorProcess,
} from '../support/weir.ts';
import { Balancer } from './support/balancer.ts';
import { Container, hardened, hostNetwork, type Serving } from './support/container.ts';
import { buildImage, buildNextImage, image } from './support/image.ts';

const next = 'localhost/weir:next';
const ratePerS = 100;
/** Less than is offered, so that each replica holds somebody when it is told to stop. */
const limits = `limits: {messages: {rate: 90, burst: 20, holdMaxMs: 600000}}
stop: {lameDuckMs: 10000, graceMs: 600000}
`;

interface Replica extends Serving {
  readonly container: Container;
}

describe.skipIf(inject('lacking').containers !== null)('A rolling update', () => {
  beforeAll(async () => {
    await buildImage();
    await buildNextImage(next, '0.2.0');
  });

  it('of two replicas under 100 messages a second: every caller gets the Coreapp’s answer, and no message goes twice', async () => {
    await using redis = await startRedis();
    await using coreapp = await startSimulatorProcess(['--limit', 'messages=90/20']);
    await using config = await testFile('weir.yaml', limits);
    await using balancer = await Balancer.start();
    await using running = new AsyncDisposableStack();

    const versions: string[] = [];
    const start = async (of: string): Promise<Replica> => {
      const container = await Container.start({
        image: of,
        env: {
          ...{ HOST: '127.0.0.1', PORT: '0', OPS_PORT: '0' },
          WEIR_CONFIG: '/etc/weir/weir.yaml',
          WEIR_ADMIN_PASSWORD: adminPassword,
          COREAPP_URL: coreapp.url,
          REDIS_URL: redis.url,
        },
        options: [...hostNetwork, ...hardened, '--volume', `${config.path}:/etc/weir/weir.yaml:ro`],
      });
      running.use(container);
      const serving = await container.serving();
      versions.push(serving.version);
      return { container, ...serving };
    };

    const old = [await start(image), await start(image)];
    for (const replica of old) await balancer.add(replica);
    const token = await login(balancer.url);

    let updating = true;
    const offered = offerWhile(() => updating, balancer.url, token);
    await pass(2_000);
    const exits: number[] = [];
    for (const replica of old) {
      await balancer.add(await start(next));
      exits.push(await replica.container.stop(600));
      await balancer.remove(replica);
    }
    await pass(1_000);
    updating = false;

    const answers = await offered;
    expect(balancer.failures).toEqual([]);
    expect(byStatus(answers)).toEqual({ 201: answers.length });
    expect(exits).toEqual([0, 0]);
    expect(versions).toEqual(['0.1.0', '0.1.0', '0.2.0', '0.2.0']);
    const { actedTwice, total } = await coreapp.seen();
    expect(actedTwice.count).toBe(0);
    expect(total['acted']).toBe(answers.length);
  });
});

/** A hundred messages in each second, and then the next hundred, as long as it goes on. */
async function offerWhile(goesOn: () => boolean, url: string, token: string): Promise<readonly Answered[]> {
  const seconds: Promise<readonly Answered[]>[] = [];
  while (goesOn()) {
    seconds.push(offerMessages({ urls: [url], token, ratePerS, count: ratePerS, ids: `s${seconds.length}-` }));
    await pass(1_000);
  }
  return (await Promise.all(seconds)).flat();
}
