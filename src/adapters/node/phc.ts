/** The PHC string form of an argon2id hash: `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`, base64 without padding. */
import { StoreAway } from '../../auth/ports.ts';

export interface Argon2Parameters {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface Argon2Hash extends Argon2Parameters {
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** The most that a stored hash may cost: beyond it, it was not written by Weir. */
const memoryMaxKib = 1_048_576;
const passesMax = 64;
const lanesMax = 16;

export function formatPhc({ memoryKib, passes, lanes, salt, tag }: Argon2Hash): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${lanes}$${unpadded(salt)}$${unpadded(tag)}`;
}

/** Throws `StoreAway` for anything else: the store answered nonsense, which says nothing about the password. */
export function parsePhc(text: string): Argon2Hash {
  const parts = text.split('$');
  const [empty, algorithm, version, parameters, salt, tag] = parts;
  const numbers = /^m=([0-9]{1,7}),t=([0-9]{1,2}),p=([0-9]{1,2})$/.exec(parameters ?? '');
  if (parts.length === 6 && empty === '' && algorithm === 'argon2id' && version === 'v=19' && numbers !== null) {
    const hash: Argon2Hash = {
      memoryKib: Number(numbers[1]),
      passes: Number(numbers[2]),
      lanes: Number(numbers[3]),
      salt: Buffer.from(salt as string, 'base64'),
      tag: Buffer.from(tag as string, 'base64'),
    };
    if (isSound(hash)) return hash;
  }
  throw new StoreAway('A stored password hash is not an argon2id hash that Weir could have written.');
}

function isSound({ memoryKib, passes, lanes, salt, tag }: Argon2Hash): boolean {
  return (
    lanes >= 1 &&
    lanes <= lanesMax &&
    passes >= 1 &&
    passes <= passesMax &&
    memoryKib >= 8 * lanes &&
    memoryKib <= memoryMaxKib &&
    salt.length >= 8 &&
    salt.length <= 64 &&
    tag.length >= 16 &&
    tag.length <= 128
  );
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('=', '');
}
