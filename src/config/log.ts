/** The settings under `log`: which lines are written, in which form, and where. */
import { z } from 'zod';
import { requestFields } from '../observe/request-line.ts';
import { filePath, whole } from './kinds.ts';
import { section, setting } from './setting.ts';

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const formats = ['weir', 'ecs', 'otel', 'pretty'] as const;

export const log = section({
  level: setting(z.enum(levels).default('info'), {
    description:
      'The lowest level that is logged. At info each request is one line; at warn there is only what needs attention. The audit trail comes with every level but silent.',
    env: 'LOG_LEVEL',
  }),
  format: setting(z.enum(formats).nullable().default(null), {
    description:
      'The form of the lines. weir: flat JSON. ecs: Elastic Common Schema. otel: OpenTelemetry’s log data model, as OTLP JSON. pretty: for people, not for programs. Not set: pretty where stdout is a terminal and log.file is not set, else weir.',
    env: 'LOG_FORMAT',
  }),
  file: setting(filePath().nullable().default(null), {
    description:
      'A file that lines are appended to; its folder has to be there. SIGUSR2 has it opened anew, after logrotate has renamed it. Not set: stdout.',
    wanted: 'the path of a file, in a folder that Weir may write to',
  }),
  requests: setting(z.boolean().default(true), {
    description: 'Whether requests have lines. The audit trail and what happens to Weir itself are logged in any case.',
  }),
  fields: setting(z.array(z.enum(requestFields)).max(100).nullable().default(null), {
    description: `The fields that the line of a request has, in the names of the form weir: ${requestFields.join(', ')}. Not set: all. The form pretty has its own.`,
    wanted: 'a list of these names, such as [requestId, method, path, status, totalMs]',
  }),
  sample: setting(z.number().min(0).max(1).default(1), {
    description:
      'The part of the successes that have a line, chosen by chance. Statuses from 400 on, Weir’s refusals, what ended early and what took slowMs always have one. What is left out is counted in weir_log_lines_left_out_total.',
    wanted: 'a number from 0 to 1, such as 0.01 for one in a hundred',
  }),
  slowMs: setting(whole(0, 3_600_000).default(1_000), {
    description: 'From this time on, that in line included, a request always has its line, whatever log.sample says.',
  }),
});
