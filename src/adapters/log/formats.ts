/** The forms that log lines can have. */
import { ecsFormat } from './ecs.ts';
import type { Format, FormatOptions } from './format.ts';
import { otelFormat } from './otel.ts';
import { prettyFormat } from './pretty.ts';
import { weirFormat } from './weir.ts';

/** Only `pretty` may have colours. */
const forms = {
  pretty: ({ worker }, colours) => prettyFormat(colours, worker),
  weir: weirFormat,
  ecs: ecsFormat,
  otel: otelFormat,
} satisfies Readonly<Record<string, (options: FormatOptions, colours: boolean) => Format>>;
export type FormatName = keyof typeof forms;

export const formatOf = (name: FormatName, options: FormatOptions, colours: boolean): Format =>
  forms[name](options, colours);
