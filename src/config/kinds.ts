/** The kinds of values that settings have, where zod has none that fits. */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { brokenPasswordRule } from '../model/credentials.ts';

const hostName = /^(?=.{1,253}$)[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?(\.[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?)*$/;

/** An address or name to listen on, without a port. */
export const host = () =>
  z
    .string()
    .regex(/^[0-9A-Za-z.:-]+$/)
    .refine((text) => isIP(text) !== 0 || (hostName.test(text) && !/^[\d.]+$/.test(text)));

export const whole = (min: number, max: number) => z.int().min(min).max(max);

export const port = () => z.int().min(0).max(65_535);

/** `http://host:port`, nothing behind it: paths come from callers, credentials from a setting of their own. */
export const origin = () =>
  z
    .string()
    .regex(/^https?:\/\/[^/?#@\s]+\/?$/)
    .refine((text) => URL.canParse(text));

/** `redis://user:password@host:port/database`, all but the host optional. */
export const redisUrl = () =>
  z
    .string()
    .regex(/^rediss?:\/\/[^?#\s]+$/)
    .refine((text) => URL.canParse(text) && /^\/?\d*$/.test(new URL(text).pathname) && new URL(text).hostname !== '');

/** A field value as RFC 9110 has it, within ASCII. */
export const fieldValue = () =>
  z
    .string()
    .max(8_192)
    .regex(/^[!-~]([ -~]*[!-~])?$/);

/** The rule for every password; JSON Schema is told of its length alone. */
export const password = () =>
  z
    .string()
    .refine((text) => brokenPasswordRule(text) === null)
    .meta({ minLength: 8, maxLength: 64 });

export const filePath = () => z.string().min(1);

/** An IP address or a network in CIDR notation. */
export const network = () =>
  z
    .string()
    .regex(/^[0-9A-Fa-f.:]+(\/\d{1,3})?$/)
    .refine(isNetwork);

function isNetwork(text: string): boolean {
  const [address = '', bits] = text.split('/');
  const family = isIP(address);
  if (family === 0 || bits === undefined) return family !== 0;
  try {
    new BlockList().addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false; // More bits than the address has.
  }
}
