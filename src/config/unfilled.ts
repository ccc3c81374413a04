/**
 * References to variables that were meant to be filled in: `$(NAME)` as Kubernetes has them, `${NAME}` as shells and
 * Compose have them, `{{ name }}` of templates. If it was not filled in, the reference itself would be taken for the
 * value.
 */
const forms = String.raw`\$\((\w+)\)|\$\{(\w+)[^}\s]*\}|\{\{-?\s*\$?\.?([\w.]+)[^}]*\}\}`;
const anywhere = new RegExp(forms);
const whole = new RegExp(`^(?:${forms})$`);
/** A host has neither a dollar nor a percent sign, so in it shorter forms are references, too. */
const inHost = new RegExp(String.raw`${forms}|\$(\w+)|%(\w+)%`);

export interface Reference {
  /** As it stands there. */
  readonly text: string;
  /** Of the variable. */
  readonly name: string;
}

/** The first reference in a text; null: there is none. */
export const referenceIn = (text: string): Reference | null => found(anywhere.exec(text));

/** The same in what should be a host, with or without a port. */
export const referenceInHost = (text: string): Reference | null => found(inHost.exec(text));

/** The reference that the text, or a part of it between blanks, is as a whole; null: each part may be a value. */
export function referenceAsPart(text: string): Reference | null {
  for (const part of [text.trim(), ...text.split(/\s+/)]) {
    const reference = found(whole.exec(part));
    if (reference !== null) return reference;
  }
  return null;
}

/** What is wrong with a reference, and what would be right. */
export function unfilled({ text, name }: Reference): { readonly fault: string; readonly wanted: string } {
  return {
    fault: `holds ${text}, which was not filled in`,
    wanted: `set the variable ${name} where that is to be filled in, or give the value itself`,
  };
}

function found(match: RegExpExecArray | null): Reference | null {
  const name = match?.slice(1).find((part) => part !== undefined);
  return match === null || name === undefined ? null : { text: match[0], name };
}
