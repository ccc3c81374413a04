/** The forms that log lines can have. */
import { ecsFormat } from './ecs.ts';
import type { Format, FormatOptions } from './format.ts';
import { otelFormat } from './otel.ts';
import { prettyFormat } from './pretty.ts';
import { weirFormat } from './weir.ts';

const formatNames = ['pretty', 'weir', 'ecs', 'otel'] as const;
export type FormatName = (typeof formatNames)[number];

/** @param colours whether `pretty` may have them */
export function formatOf(name: FormatName, options: FormatOptions, colours: boolean): Format {
  switch (name) {
    case 'pretty':
      return prettyFormat(colours, options.worker);
    case 'weir':
      return weirFormat(options);
    case 'ecs':
      return ecsFormat(options);
    case 'otel':
      return otelFormat(options);
  }
}
