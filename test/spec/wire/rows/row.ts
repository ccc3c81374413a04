/** The table of the wire: bytes that a caller sends, and what a gateway has to make of them and of the upstream's answer. */

/** What has to arrive at the upstream. */
export interface Reached {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  /** Fields with these values, the name in lower case. */
  readonly has?: Readonly<Record<string, string>>;
  /** Names in lower case of fields that must not be there. */
  readonly lacks?: readonly string[];
}

export interface Row {
  /** Of RFC 9112, or of the one that is named. */
  readonly section: string;
  readonly what: string;
  /** `{auth}` is replaced by the line of a credential. */
  readonly bytes: string;
  /** Sent once `100 Continue` has come. */
  readonly later?: string;
  /** The caller shuts its sending side behind its bytes, and sends no other request. */
  readonly ends?: true;
  /** What the upstream says; not there: 200 and "ok". */
  readonly answer?: UpstreamAnswer;
  /** Of the answers, without 1xx; a request that is refused has one. */
  readonly statuses: readonly number[];
  /** What the first answer comes to. */
  readonly told?: Told;
  /** Whether a request behind these bytes is served. If not, it must not arrive either. */
  readonly goesOn: boolean;
  readonly reached: readonly Reached[];
  /** Whether that request has the same connection to the upstream; not there: either. */
  readonly again?: boolean;
  /** A rule of Weir's own: others may do otherwise. */
  readonly own?: boolean;
  /** It is to be refused, but no MUST says so: others may serve it, if what they write is valid. */
  readonly mendable?: boolean;
}

export interface UpstreamAnswer {
  readonly bytes: string;
  /** What its connection comes to behind them; not there: it stays open. */
  readonly over?: 'end' | 'reset';
  /** It comes as soon as the head of the request is there, and nothing is read behind that. */
  readonly early?: true;
}

/** What a caller has of an answer. */
export interface Told {
  readonly body?: string;
  /** Whole field lines that are there, the name in lower case. */
  readonly has?: readonly string[];
  /** Names in lower case of fields that must not be there. */
  readonly lacks?: readonly string[];
  readonly interim?: readonly number[];
  readonly trailers?: readonly string[];
  /** False: the caller is shown that the rest is missing. Not there: true. */
  readonly whole?: boolean;
}

const line = 'GET /v1/contacts HTTP/1.1';

/** A head: its request line, and field lines; `Host` and the credential come by themselves. */
export const head = (fields: readonly string[] = [], first = line, host = 'Host: weir\r\n'): string =>
  `${first}\r\n${host}{auth}${fields.map((field) => `${field}\r\n`).join('')}\r\n`;

/** The head of a request with a body, and the body. */
export const post = (fields: readonly string[], body: string): string =>
  head(fields, 'POST /v1/contacts HTTP/1.1') + body;

export const inChunks = (body: string, ...fields: readonly string[]): string =>
  post(['Transfer-Encoding: chunked', ...fields], body);

/** Refused before anything arrives, and closed, so that nothing behind it is read as a request. */
export const refused = (section: string, what: string, bytes: string, status = 400): Row => ({
  ...{ section, what, bytes, statuses: [status], goesOn: false, reached: [] },
});

/** Refused; but its framing is clear, so the connection goes on. */
export const declined = (section: string, what: string, bytes: string, status = 400): Row => ({
  ...refused(section, what, bytes, status),
  goesOn: true,
});

/** Served as one request. */
export const served = (section: string, what: string, bytes: string, reached: Partial<Reached> = {}): Row => ({
  ...{ section, what, bytes, statuses: [200], goesOn: true },
  reached: [{ method: bytes.trimStart().split(' ')[0] ?? '', target: '/v1/contacts', body: '', ...reached }],
});

/** Served as these requests. */
export const allServed = (
  section: string,
  what: string,
  bytes: string,
  ...reached: readonly Partial<Reached>[]
): Row => ({
  ...{ section, what, bytes, statuses: reached.map(() => 200), goesOn: true },
  reached: reached.map((one) => ({ method: 'GET', target: '/v1/contacts', body: '', ...one })),
});

/** What becomes of the upstream's answer to a GET. */
export const answered = (
  section: string,
  what: string,
  answer: string | UpstreamAnswer,
  status = 200,
  told: Told = {},
): Row => ({
  ...served(section, what, head()),
  ...{ answer: typeof answer === 'string' ? { bytes: answer } : answer, statuses: [status], told },
});

/** Served as one request, which is the last of its connection. */
export const servedLast = (...row: Parameters<typeof served>): Row => ({ ...served(...row), goesOn: false });

/** By a rule of Weir's own, or one that others may break. */
export const own = (row: Row): Row => ({ ...row, own: true });
