/** An answer of the ops port. */
export interface OpsPage {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Buffer;
  /** Fields besides those that every answer has. */
  readonly fields?: Readonly<Record<string, string>>;
}

export function text(status: number, line: string): OpsPage {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}

export function json(status: number, value: object): OpsPage {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, rounded, 2)}\n` };
}

/** What is wrong, as problem details (RFC 9457). @param detail what would be right */
export function problem(status: number, title: string, detail: string, fields: OpsPage['fields'] = {}): OpsPage {
  const body = `${JSON.stringify({ title, status, detail }, null, 2)}\n`;
  return { status, contentType: 'application/problem+json', body, fields };
}

/** Milliseconds are whole, other numbers have three decimals: more is noise to whoever looks. */
export function rounded(name: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  return name.endsWith('Ms') ? Math.round(value) : Math.round(value * 1_000) / 1_000;
}
