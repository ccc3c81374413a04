import { answerRows } from './answers.ts';
import { connectionRows } from './connections.ts';
import { fieldRows } from './fields.ts';
import { framingRows } from './framing.ts';
import { requestRows } from './requests.ts';
import type { Row } from './row.ts';

/** The RFCs have these broken forms refused, but don't say so with a MUST. */
const grammar = new Set(['2.2', '3', '3.1', '3.2', '5', '7.1', 'RFC 9110, 5.1', 'RFC 9110, 5.5']);
/** But these: a blank before a colon (RFC 9112, 5.1), no Host or two (3.2). */
const must = /before the colon|Hosts?\b/;
/** The RFCs recommend these, or leave them to a server. */
export const leftOpen = `the method !#$%&'*+-.^_\`|~0
the method frob
CONNECT
CONNECT with a path
another scheme
OPTIONS *
TRACE, which would show what a gateway adds
OPTIONS of an URL without a path
the target http://weir
the target http://weir?x
the host of the target goes before the Host field
the Host ""
the Host "a,b"
the Host a-._~!$&'()*+,;=
LF alone behind a line
many fields
a declined one between
a length with a list
two lengths that agree
a length and a coding
a coding and a length
a coding in HTTP/1.0
a coding in HTTP/1.0 that keeps its connection
the coding chunked,
the coding , chunked
the coding nothing
the coding identity, chunked
the coding gzip, chunked
Keep-Alive: timeout=5 ends here
Upgrade: h2c ends here
Proxy-Connection: keep-alive ends here
TE: trailers ends here
Proxy-Authorization: x ends here`.split('\n');
const ofRequests = [...requestRows, ...fieldRows, ...framingRows, ...connectionRows].map((row) => ({
  ...row,
  own: row.own === true || leftOpen.includes(row.what),
  mendable: grammar.has(row.section) && !must.test(row.what),
}));

export const rows: readonly Row[] = [...ofRequests, ...answerRows];

const unlimited = '{ rate: 1000000, burst: 1000000 }';
/** How Weir is started for them: no limit holds a request, no exchange that broke is repeated, no connection grows too old. */
export const settings = `
limits: { default: ${unlimited}, contacts: ${unlimited} }
coreapp: { brokenRepeatsMax: 0, connectionMaxAgeMs: 3600000 }
`;
