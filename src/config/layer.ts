/** Where settings come from: a file, the environment. A later layer goes before an earlier one. */
import type { Problem } from './problems.ts';
import { settingsSchema } from './schema.ts';
import { type Leaf, leafAt, leavesOf } from './setting.ts';

/** A valid value and who gave it. */
export interface Given {
  readonly value: unknown;
  /** `config/weir.yaml:14:11: limits.messages.rate`, or the variable's name: what a problem begins with. */
  readonly where: string;
  /** The same of each item of a list in a file. */
  readonly items?: readonly string[];
}

export interface Layer {
  /** By the setting's name. A value of null counts as not given. */
  readonly given: Map<string, Given>;
  /** The settings that were given something that is not allowed, and where. */
  readonly broken: Map<string, string>;
  readonly problems: Problem[];
  /** The endpoint classes that were named, and where. */
  readonly classes: Map<string, string>;
}

/** All but those of single endpoint classes. */
export const leaves: readonly Leaf[] = leavesOf(settingsSchema);

export const leafOf = (name: string): Leaf => leafAt(settingsSchema, name.split('.')) as Leaf;

export const emptyLayer = (): Layer => ({ given: new Map(), broken: new Map(), problems: [], classes: new Map() });
