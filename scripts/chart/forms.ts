/** The forms that the chart's values are written in, as JSON Schema. Patterns are read by Go and by JavaScript: no lookahead. */
export type Schema = { readonly [keyword: string]: unknown };

export const section = (properties: Readonly<Record<string, Schema>>): Schema => ({
  type: 'object',
  properties,
  additionalProperties: false,
});
export const oneOf = (...options: readonly string[]): Schema => ({ type: 'string', enum: options });
export const text = (pattern?: RegExp): Schema => ({ type: 'string', ...(pattern && { pattern: pattern.source }) });
/** A text that may also be empty, which means that it isn't given. */
export const maybe = (pattern: RegExp): Schema => ({ type: 'string', pattern: `^$|${pattern.source}` });
export const whole = (minimum: number, maximum: number): Schema => ({ type: 'integer', minimum, maximum });
export const yesOrNo: Schema = { type: 'boolean' };
export const list = (items: Schema): Schema => ({ type: 'array', items });
/** Free names, such as those of labels. */
export const named = (values: Schema): Schema => ({ type: 'object', additionalProperties: values });
/** What Kubernetes knows better, and judges itself. */
export const kubernetes: Schema = { type: 'object' };

export const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const dnsName = /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/;
export const serviceName = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
export const hostName = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dataKey = /^[-._a-zA-Z0-9]+$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const amount = /^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$/;
export const duration = /^([0-9]+(h|m|s|ms))+$/;
/** Of Prometheus, as far as anybody scrapes: `15s`, `1m30s`. */
export const scrapeTime = /^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$/;
export const network = /^[0-9a-fA-F.:]+\/[0-9]{1,3}$/;
export const address = /^[0-9a-fA-F.:]+$/;
export const path = /^\/[^\s]*$/;

export const secret = maybe(dnsName);
export const key = text(dataKey);
export const maybeKey = maybe(dataKey);
export const annotations = named(text());
export const labels = named(text(labelValue));
export const quantity: Schema = { type: ['string', 'integer', 'number'], pattern: amount.source, minimum: 0 };
export const port = whole(1, 65_535);
export const namespace = maybe(dnsLabel);
export const seconds = whole(0, 86_400);
