/** The kinds of values that settings have, where zod has none that fits. */
import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { urgencies } from '../admission/line/rounds.ts';
import { costForm } from '../admission/rate/costs.ts';
import { readScope, scopeForm } from '../admission/rate/scope.ts';
import { brokenPasswordRule } from '../auth/credentials.ts';
import { hiddenIn } from '../auth/hidden.ts';
import { classForm } from '../exchange/route.ts';
import { isAuthority } from '../http/authority.ts';
import { mayPass } from '../http/own-fields.ts';
import { patternForm } from '../http/patterns.ts';
import { readTarget } from '../http/target.ts';
import { isTarget, readRedisUrl } from './redis-url.ts';
import type { Fault } from './setting.ts';
import { referenceAsPart, referenceIn } from './unfilled.ts';

const hostName = /^(?=.{1,253}$)[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?(\.[0-9A-Za-z]([0-9A-Za-z-]*[0-9A-Za-z])?)*$/;

/** A text of a form. @param maxChars where the form alone does not bound it */
export const formed = (form: RegExp, maxChars?: number) =>
  (maxChars === undefined ? z.string() : z.string().max(maxChars)).regex(form);

/** The same, in which nothing has been left to be filled in. */
export const filled = (form: RegExp, maxChars?: number) => formed(form, maxChars).refine(isFilled);

/** An address or name to listen on, without a port. */
export const host = () =>
  formed(/^[0-9A-Za-z.:-]+$/).refine((text) => isIP(text) !== 0 || (hostName.test(text) && !/^[\d.]+$/.test(text)));

/** @param error what would be right, where it stands within a setting */
export const whole = (min: number, max: number, error?: string) =>
  z.int({ error }).min(min, { error }).max(max, { error });

export const port = () => whole(0, 65_535);

/** `http://host:port`, nothing behind it: paths come from callers, credentials from a setting of their own. */
export const origin = () => formed(/^https?:\/\/[^/?#@\s]+\/?$/).refine(leadsSomewhere);

const urlHost = /^(\[[\da-f:.]+\]|[\w.-]+)$/;

/** True: the host could be one, and something could listen on the port. */
export function leadsSomewhere(text: string): boolean {
  if (!URL.canParse(text) || referenceIn(text) !== null) return false;
  const { hostname, port } = new URL(text);
  return urlHost.test(hostname) && port !== '0';
}

/** What is wrong with a URL whose port is 0; null: something else. */
export function explainPort(text: string): Fault | null {
  if (!URL.canParse(text) || new URL(text).port !== '0') return null;
  return {
    given: JSON.stringify(text),
    fault: 'names port 0, where nothing listens',
    wanted: 'give a port from 1 to 65535',
  };
}

/** No part of it is a reference to a variable. */
export const isFilled = (text: string): boolean => referenceAsPart(text) === null;

/** The forms that `src/config/redis-url.ts` tells of; JSON Schema knows the schemes. */
export const redisUrl = () =>
  formed(/^rediss?(-sentinel|-cluster)?:\/\/[^#\s]+$/).refine(
    (text) => hiddenIn(text) === null && isTarget(readRedisUrl(text)),
  );

/** A field value as RFC 9110 has it, within ASCII. */
export const fieldValue = () => filled(/^[!-~]([ -~]*[!-~])?$/, 8_192);

/** The rule for every password; JSON Schema is told of its length alone. */
export const password = () =>
  z
    .string()
    .refine((text) => brokenPasswordRule(text) === null && isFilled(text))
    .meta({ minLength: 8, maxLength: 64 });

/** A field name as RFC 9110 has it. */
export const anyField = () => formed(/^[!#$%&'*+.^_`|~\w-]+$/, 256);

/** The name of a field that may be let through. */
export const passableField = () => anyField().refine((name) => mayPass(name.toLowerCase()));

/** The name of a field that configuration may set or take out. */
export const fieldName = () => passableField().refine((name) => name.toLowerCase() !== 'authorization');

export const passableOrAuthorization = () => z.union([z.literal('Authorization'), passableField()]);

/** A secret that is no password: visible ASCII without spaces. */
export const secretText = () => filled(/^[!-~]{1,128}$/);

/** What Redis may take for a name or a password: one line, as it is, nothing percent-encoded. */
export const redisWord = () => filled(/^[^\r\n]{1,512}$/);

export const operatorToken = () => filled(/^[!-~]{16,128}$/);

/** What targets begin with: empty, or a path without a slash at its end. */
export const basePath = () => z.union([z.literal(''), routePath().refine((path) => path !== '/')]);

/** A host, and a port where it is not the usual one. */
export const authority = () => z.string().max(256).refine(isAuthority);

/** API keys: a list, or one text with white space between them, as files and variables hold several. */
export const apiKeys = () =>
  z
    .union([
      filled(/^\s*[!-~]{12,128}(?:\s+[!-~]{12,128}){0,7}\s*$/),
      z
        .array(filled(/^[!-~]{12,128}$/))
        .min(1)
        .max(8),
    ])
    .transform((given) => (typeof given === 'string' ? given.trim().split(/\s+/) : given));

/**
 * A path as requests are routed by. Letters, digits and `-._~` have one form only (RFC 3986, 2.3). Any other character
 * can be written in a second way, which would not count as the same path.
 */
export const routePath = () =>
  formed(/^\/([\w.~-]+(\/[\w.~-]+)*)?$/, 256).refine((text) => {
    const target = readTarget(text);
    return target.kind === 'target' && target.path === text;
  });

/** 0 is the most urgent, 7 the least. */
export const urgency = () => whole(0, urgencies - 1);

/** Urgencies by user name. */
export const urgencyByName = () => z.record(formed(/^\S{1,256}$/), urgency());

/** Slots by path, with or without a method before it. The path is as `routePath` has it. */
export const slotsByPath = () =>
  z.record(
    formed(costForm).refine((text) => routePath().safeParse(text.slice(text.indexOf('/'))).success),
    whole(1, 100),
  );

/** Which requests belong to a class. */
export const requestPattern = () => formed(patternForm, 512).refine((text) => explainPattern(text) === null);

/** What is wrong with a pattern that has the right form, and could not match; null: something else. */
export function explainPattern(text: string): Fault | null {
  if (!patternForm.test(text)) return null;
  const given = JSON.stringify(text);
  const method = text.slice(0, text.indexOf(' '));
  const host = text.slice(text.indexOf(' ') + 1, text.indexOf('/'));
  if (host !== '' && host !== 'localhost' && !host.includes('.')) {
    return { given, fault: `has ${host} as its host`, wanted: 'give a path that begins with /, or a host with a dot' };
  }
  if (knownMethods.has(method.toUpperCase()) && method !== method.toUpperCase()) {
    return { given, fault: 'matches nothing', wanted: `write the method as ${method.toUpperCase()}` };
  }
  if (method === 'TRACE' || method === 'CONNECT') {
    return { given, fault: 'matches nothing', wanted: `${method} is never passed on; give another method` };
  }
  const path = text
    .slice(text.indexOf('/'))
    .replace(/\{\w+\}/g, 'x')
    .replace(/\/\*\*$/, '');
  const target = readTarget(path === '' ? '/' : path);
  if (target.kind === 'target' && target.path === (path === '' ? '/' : path)) return null;
  return { given, fault: 'matches nothing', wanted: 'give the path that requests have, without "." and ".."' };
}

const knownMethods: ReadonlySet<string> = new Set('GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT'.split(' '));

/** For which requests a credential is: `messages`, `path:/v1/{number}=1055`, `principal=user:crm`. */
export const credentialKey = () =>
  z
    .string()
    .max(512)
    .refine((key) => {
      const equals = key.indexOf('=');
      return equals === -1 ? classForm.test(key) : equals < key.length - 1 && scopeForm.test(key.slice(0, equals));
    });

/** Which requests share a bucket. */
export const scope = () => formed(scopeForm, 256).refine((text) => readScope(text) !== null);

/** A JSON pointer (RFC 6901) into a body; not the whole of it. */
export const bodyPointer = (error?: string) =>
  z
    .string({ error })
    .max(256)
    .regex(/^(?:\/(?:[^~/]|~[01])+)+$/, { error });

/** One of a kind, or a list of such. */
export const oneOrMore = <Item extends z.ZodType>(item: Item, wanted: string) =>
  z.union([item, z.array(item).min(1, { error: wanted }).max(100, { error: wanted })], { error: wanted });

/** All of them, as a list. */
export const listOf = <Item>(given: Item | readonly Item[] = []): readonly Item[] =>
  Array.isArray(given) ? given : [given as Item];

/** As answers of the upstream name it. */
export const answerField = z.string().regex(/^[!#$%&'*+.^_`|~\w-]{1,64}$/, { error: 'the name of a field' });

/** An object whose names are known. The words for one that is none of them go where its message does. */
export const object = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? `known here: ${Object.keys(shape).join(', ')}` : undefined),
  });

export const filePath = () => z.string().min(1).refine(isFilled);

/** What browsers and OpenSSL still speak; older ones are broken (RFC 8996). */
export const tlsVersion = () => z.enum(['TLSv1.2', 'TLSv1.3']);

/** An IP address or a network in CIDR notation. */
export const network = () => formed(/^[0-9A-Fa-f.:]+(\/\d{1,3})?$/).refine(isNetwork);

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
