/**
 * What a caller shows: the `Authorization` field, read by the letter of RFC 9110 §11, RFC 7617 (Basic) and
 * RFC 6750 (Bearer); and the rules that names and passwords must keep
 * (docs/reference/webapp-contract.md, "Credentials").
 *
 * No text in here repeats what was sent: whatever stands in the field may be a secret.
 */
import { isUtf8 } from 'node:buffer';
import type { RefusalName } from '../exchange/refusals.ts';
import type { Fields } from '../http/fields.ts';
import { hasHidden, hiddenIn } from './hidden.ts';
import { brokenIdentifierRule, passwordForm, usernameForm } from './precis.ts';

export type Credentials =
  | { readonly kind: 'none' }
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'bearer'; readonly token: string }
  | { readonly kind: 'apikey'; readonly key: string }
  | { readonly kind: 'malformed'; readonly refusal: RefusalName; readonly why: string };

/** The longest `Authorization` value that is looked at, characters: room for a JSON Web Token, not for a flood. */
const authorizationMaxChars = 8_192;

const none: Credentials = { kind: 'none' };
const twice = malformed('malformed', 'More than one Authorization field was sent; send one.');
const tooLong = malformed(
  'fieldsTooLarge',
  `The Authorization field is longer than ${authorizationMaxChars} characters.`,
);
const schemeOnly = malformed('unauthenticated', 'The Authorization field needs a scheme, a space and credentials.');
const unknownScheme = malformed('unauthenticated', 'The Authorization scheme must be Basic, Bearer or Apikey.');
const notToken68 = malformed('unauthenticated', 'The credentials hold a character that must not stand there.');
const notBase64 = malformed('unauthenticated', 'Basic credentials must be base64 of name:password.');
const notUtf8 = malformed('unauthenticated', 'Basic credentials must be UTF-8.');
const noColon = malformed('unauthenticated', 'Basic credentials need a colon between name and password.');
const controls = malformed('unauthenticated', 'Basic credentials must not hold control characters.');

/** The credentials in a request's fields. Names and schemes match in any case. */
export function credentialsOf(fields: Fields): Credentials {
  return credentialsAt(fields, valueAt(fields));
}

/** As `credentialsOf`, and blanks them in the fields: a request may wait for long, and its secret need not be there. */
export function takeCredentials(fields: string[]): Credentials {
  const at = valueAt(fields);
  const credentials = credentialsAt(fields, at);
  if (at >= 0) fields[at] = '';
  return credentials;
}

function credentialsAt(fields: Fields, at: number): Credentials {
  if (at === several) return twice;
  return at === absent ? none : parse(fields[at] as string);
}

/** The value of a field that holds a secret, by its lower-case name, and blanks it; null: there is none. Of several: all. */
export function takeValue(fields: string[], name: string): string | null {
  let value: string | null = null;
  for (let i = 0; i < fields.length; i += 2) {
    const candidate = fields[i] as string;
    if (candidate.length !== name.length || candidate.toLowerCase() !== name) continue;
    value = value === null ? (fields[i + 1] as string) : `${value}, ${fields[i + 1]}`;
    fields[i + 1] = '';
  }
  return value === '' ? null : value;
}

/** `token68` of RFC 9110 §11.2. */
const token68 = /^[\w\-.~+/]+=*$/;
/** Visible ASCII only: an API key is an operator's own text, not a token68. */
const visible = /^[\x21-\x7e]*$/;
const control = /\p{Cc}/u;

const absent = -1;
const several = -2;

/** The index of the value of `Authorization`. */
function valueAt(fields: Fields): number {
  let at = absent;
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i] as string;
    if (name.length !== 13) continue;
    if (name !== 'authorization' && name !== 'Authorization' && name.toLowerCase() !== 'authorization') continue;
    if (at !== absent) return several;
    at = i + 1;
  }
  return at;
}

function parse(value: string): Credentials {
  if (value.length > authorizationMaxChars) return tooLong;
  const space = value.indexOf(' ');
  if (space === -1) return value === '' ? none : schemeOnly;
  let start = space + 1;
  while (value.charCodeAt(start) === 0x20) start++;
  if (start === value.length) return schemeOnly;
  const rest = value.slice(start);
  switch (value.slice(0, space).toLowerCase()) {
    case 'bearer':
      return token68.test(rest) ? { kind: 'bearer', token: rest } : notToken68;
    case 'basic':
      return basic(rest);
    case 'apikey':
      return visible.test(rest) ? { kind: 'apikey', key: rest } : notToken68;
    default:
      return unknownScheme;
  }
}

function basic(token: string): Credentials {
  const bytes = Buffer.from(token, 'base64');
  if (bytes.toString('base64') !== token) return notBase64;
  if (!isUtf8(bytes)) return notUtf8;
  const text = bytes.toString();
  const colon = text.indexOf(':');
  if (colon === -1) return noColon;
  if (control.test(text)) return controls;
  return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

function malformed(refusal: RefusalName, why: string): Credentials {
  return { kind: 'malformed', refusal, why };
}

const passwordRules: readonly (readonly [needs: RegExp, rule: string])[] = [
  [/[0-9]/, 'must hold a digit'],
  [/[A-Z]/, 'must hold an upper-case letter'],
  [/[a-z]/, 'must hold a lower-case letter'],
  [/[!-/:-@[-`{-~]/, 'must hold one of !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'],
];

/** Which rule a new password breaks, in words that follow its field's name; null: none. Never repeats the password. */
export function brokenPasswordRule(given: string): string | null {
  const password = passwordForm(given);
  // This check comes first, since an extra line makes the password too long as well.
  const stray = password.isWellFormed() ? hiddenIn(password) : null;
  if (stray !== null) return `must not hold ${stray}`;
  const text = brokenTextRule(password, 8, 64);
  if (text !== null) return text;
  return passwordRules.find(([needs]) => !needs.test(password))?.[1] ?? null;
}

/** Names that paths below `/v1/users/` already use. */
const takenNames: ReadonlySet<string> = new Set(['login', 'logout']);

function brokenPathRule(username: string): string | null {
  return username.includes(';') ? 'must not hold a semicolon: in a path it would begin a parameter' : null;
}

/** Which rule a new user name in its form breaks, in words that follow its field's name; null: none. */
export function brokenUsernameRule(username: string): string | null {
  return brokenPathRule(username) ?? brokenKnownNameRule(username) ?? brokenIdentifierRule(username);
}

/**
 * Which rule the name of a user breaks that an operator makes for its tokens, in words that follow its field's name;
 * null: none. Nobody logs in as it, so it may be shorter or longer than others.
 */
export function brokenServiceNameRule(username: string): string | null {
  const text = brokenTextRule(username, 1, 64);
  if (text !== null) return text;
  return brokenPathRule(username) ?? brokenCharactersRule(username) ?? brokenIdentifierRule(username);
}

/** Whether there can be a user of that name: one may be older than a rule for new names. */
export function couldBeUsername(name: string): boolean {
  return brokenKnownNameRule(usernameForm(name)) === null;
}

function brokenKnownNameRule(username: string): string | null {
  const text = brokenTextRule(username, 4, 32);
  if (text !== null) return text;
  if (takenNames.has(username)) return 'must not be login or logout: these are endpoints';
  return brokenCharactersRule(username);
}

function brokenCharactersRule(username: string): string | null {
  if (hasHidden(username)) return 'must not hold control, format or unassigned characters, nor line separators';
  if (username.includes(':')) return 'must not hold a colon: Basic credentials end the name there';
  if (/[/\\]/.test(username)) return 'must not hold a slash or a backslash: no path could name the user';
  return null;
}

function brokenTextRule(text: string, minChars: number, maxChars: number): string | null {
  // Characters are code points; more code units than twice the maximum need no counting.
  const chars = text.length > 2 * maxChars ? text.length : [...text].length;
  if (chars < minChars || chars > maxChars) return `must have ${minChars} to ${maxChars} characters, not ${chars}`;
  if (!text.isWellFormed()) return 'must be valid Unicode';
  return null;
}
