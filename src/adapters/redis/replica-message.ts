import type { z } from 'zod';

/** What another replica says. Null: it is one's own message, or one that this version does not know. */
export function readFromOthers<Form extends z.ZodType<{ readonly from: string }>>(
  form: Form,
  own: string,
  text: string,
): z.output<Form> | null {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    return null;
  }
  const read = form.safeParse(given);
  return read.success && read.data.from !== own ? read.data : null;
}
