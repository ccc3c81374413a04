/** JSON Pointer (RFC 6901): the value in a document that a path of names leads to. */

/** As it is written: empty for the whole document, or `/a/b~1c/0`. */
export const pointerForm = /^(?:\/(?:[^~/]|~[01])*)*$/;

export type Pointer = readonly string[];

/** @param text of `pointerForm` */
export function readPointer(text: string): Pointer {
  return text
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The document that a text is in JSON; undefined: it is none. */
export function readDocument(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The value; undefined: there is none. */
export function valueAt(document: unknown, pointer: Pointer): unknown {
  let value = document;
  for (const name of pointer) {
    if (typeof value !== 'object' || value === null) return undefined;
    // Of a list only what is at an index, of an object only what is its own.
    if (Array.isArray(value) && !/^(?:0|[1-9]\d*)$/.test(name)) return undefined;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}
