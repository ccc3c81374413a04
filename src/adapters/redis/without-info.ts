import type { Redis } from 'ioredis';
import { isMissing } from './commands.ts';
import type { Lacks } from './lacks.ts';

type Told = (error: Error | null, text?: string) => void;

/**
 * Makes a connection usable where Redis has no INFO: ioredis asks for it first, and would try again for ever. The
 * answer to INFO is then unknown, an empty text.
 */
export function doWithoutInfo(redis: Redis, lacks: Lacks | undefined): void {
  const ask = redis.info.bind(redis) as (...sections: string[]) => Promise<string>;
  const info = (...given: readonly (string | Told)[]): Promise<string> => {
    const sections = given.filter((one) => typeof one === 'string');
    const callback = given.find((one) => typeof one === 'function');
    const answer = ask(...sections).then(
      (text) => {
        lacks?.there('info');
        return text;
      },
      (error: Error) => {
        if (!isMissing.test(error.message)) throw error;
        lacks?.missing('info', error);
        return '';
      },
    );
    if (callback !== undefined) answer.then((text) => callback(null, text), callback);
    return answer;
  };
  redis.info = info as Redis['info'];
}
