/** What the values for monitors and rules may be. */
import {
  kubernetes,
  labels,
  list,
  maybe,
  named,
  namespace,
  type Schema,
  scrapeTime,
  section,
  text,
  whole,
  yesOrNo,
} from './forms.ts';

export const monitor = section({
  enabled: yesOrNo,
  labels,
  interval: maybe(scrapeTime),
  scrapeTimeout: maybe(scrapeTime),
  namespace,
  relabelings: list(kubernetes),
  metricRelabelings: list(kubernetes),
});
const ratio: Schema = { type: 'number', exclusiveMinimum: 0, maximum: 1 };
const positive: Schema = { type: 'number', exclusiveMinimum: 0 };
export const prometheusRule = section({
  enabled: yesOrNo,
  labels,
  namespace,
  runbookBaseUrl: maybe(/^https?:\/\/[^#\s]+$/),
  alertLabels: named(text()),
  disabled: list(text()),
  thresholds: section({
    refusedRatio: ratio,
    waitSeconds: positive,
    lineRatio: ratio,
    coreappRefusedRatio: ratio,
    tokenExpirySeconds: positive,
    restarts: whole(1, 1_000),
    eventLoopLagSeconds: positive,
    filesRatio: ratio,
  }),
  extraGroups: list({ ...kubernetes, required: ['name', 'rules'] }),
});
