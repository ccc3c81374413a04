/** What a setting is, besides its type: one entry of the schema. */
import { z } from 'zod';

/** What is wrong with a value: itself as it may be shown, the fault, and what would be right, a clause of its own. */
export interface Fault {
  readonly given: string;
  readonly fault: string;
  readonly wanted: string;
}

export interface About {
  /** For an operator: what it does, when to change it. One or two sentences. */
  readonly description: string;
  /** What would be right, as it follows the word "give". */
  readonly wanted: string;
  /** The same where a text may hold several values, for one that holds one. */
  readonly wantedOfOne?: string;
  /** Says what is wrong with a text that is not allowed, in place of `wanted`. Shows nothing secret. */
  readonly explain?: (text: string) => Fault | null;
  /** The environment variable that overrides it. */
  readonly env?: string;
  /** Another name of that variable. */
  readonly envToo?: string;
  /** True: its value is never printed. */
  readonly secret?: boolean;
  /** This one names a file; the sibling setting named here takes the file's content. */
  readonly contentOf?: string;
}

/** Where `setting` puts what it knows; the types and descriptions themselves are zod's. */
const registry = z.registry<About>();

type Told = Omit<About, 'wanted'> & { readonly wanted?: string };

/**
 * Makes a section. Without an entry in the file it is filled with the defaults of its settings. For a shape that is
 * still open, the types can't show that each entry has a default or may be missing; hence the cast.
 */
export const section = <S extends Readonly<Record<string, z.ZodType>>>(shape: S) =>
  z.strictObject(shape).prefault({} as z.input<z.ZodObject<S>>);

/**
 * Makes a leaf of the schema. What is wanted follows from a number's bounds, an enum's options or a boolean; strings
 * say it.
 */
export function setting<S extends z.ZodType>(schema: S, told: Told): S {
  const about: About = { ...told, wanted: told.wanted ?? wantedOf(schema) };
  const described = schema.describe(about.description);
  registry.add(described, about);
  return described;
}

/** What is known about a leaf; undefined: it is a section. */
export function aboutOf(schema: z.core.$ZodType): About | undefined {
  return registry.get(schema);
}

/** The schema under `default`, `nullable`, … */
export function unwrapped(schema: z.core.$ZodType): z.core.$ZodType {
  let inner = schema;
  while (
    inner instanceof z.ZodDefault ||
    inner instanceof z.ZodPrefault ||
    inner instanceof z.ZodNullable ||
    inner instanceof z.ZodExactOptional
  ) {
    inner = inner.unwrap();
  }
  return inner;
}

/** What the items are of a list that a leaf takes, maybe besides other forms; undefined: it takes no list. */
export function itemOf(schema: z.core.$ZodType): z.core.$ZodType | undefined {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodArray) return inner.element;
  if (inner instanceof z.ZodPipe) return itemOf(inner.in);
  if (inner instanceof z.ZodUnion) return inner.options.map(itemOf).find((item) => item !== undefined);
  return undefined;
}

/** What the names and the values are of a group that a leaf takes; undefined: it takes none. */
export function entryOf(schema: z.core.$ZodType): { readonly name: z.ZodType; readonly value: z.ZodType } | undefined {
  const inner = unwrapped(schema);
  if (!(inner instanceof z.ZodRecord)) return undefined;
  return { name: inner.keyType as z.ZodType, value: inner.valueType as z.ZodType };
}

function wantedOf(schema: z.ZodType): string {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodNumber) {
    const kind = inner.isInt ? 'a whole number' : 'a number';
    return `${kind} from ${inner.minValue} to ${inner.maxValue}`;
  }
  if (inner instanceof z.ZodBoolean) return 'true or false';
  if (inner instanceof z.ZodEnum) return `one of ${inner.options.join(', ')}`;
  throw new TypeError(`a setting of the type ${inner._zod.def.type} must say what is wanted`);
}

/** A leaf in its place. */
export interface Leaf {
  /** `limits.messages.rate` */
  readonly name: string;
  readonly path: readonly string[];
  readonly schema: z.ZodType;
  readonly about: About;
  /** What it is when nobody says anything; undefined: it follows another setting. */
  readonly fallback: unknown;
}

/** The schemas of a section's entries; undefined: it is no section. */
export function entriesOf(schema: z.core.$ZodType): Readonly<Record<string, z.ZodType>> | undefined {
  const inner = unwrapped(schema);
  return inner instanceof z.ZodObject ? inner.shape : undefined;
}

/** The schema of the entries that a section takes under any name; undefined: it takes none but those that it lists. */
function anyEntryOf(schema: z.core.$ZodType): z.ZodType | undefined {
  const inner = unwrapped(schema);
  const rest = inner instanceof z.ZodObject ? inner.def.catchall : undefined;
  return rest === undefined || rest instanceof z.ZodNever ? undefined : (rest as z.ZodType);
}

/** The schema of an entry of a section; undefined: it has none of that name. */
export function entryNamed(section: z.core.$ZodType, name: string): z.ZodType | undefined {
  const entries = entriesOf(section) ?? {};
  return Object.hasOwn(entries, name) ? entries[name] : anyEntryOf(section);
}

/** Every leaf under a section, in the schema's order; without those under names that are not known beforehand. */
export function leavesOf(section: z.ZodType, path: readonly string[] = []): Leaf[] {
  return Object.entries(entriesOf(section) ?? {}).flatMap(([key, schema]) => {
    const here = [...path, key];
    const leaf = leafHere(schema, here);
    return leaf === undefined ? leavesOf(schema, here) : [leaf];
  });
}

/** The leaf in that place; undefined: there is none. */
export function leafAt(root: z.ZodType, path: readonly string[]): Leaf | undefined {
  let schema: z.ZodType | undefined = root;
  for (const key of path) schema = schema && entryNamed(schema, key);
  return schema && leafHere(schema, path);
}

function leafHere(schema: z.ZodType, path: readonly string[]): Leaf | undefined {
  const about = aboutOf(schema);
  if (about === undefined) return undefined;
  return { name: path.join('.'), path, schema, about, fallback: schema.safeParse(undefined).data };
}
