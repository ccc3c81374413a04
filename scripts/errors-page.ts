/** `docs/reference/errors.md`: every refusal of Weir's own, from the closed table. */
import { type Blame, type RefusalName, refusalTable } from '../src/exchange/refusals.ts';
import { codes } from '../src/profiles/coreapp/envelope.ts';
import { code, generatedNote, table } from './markdown.ts';

const blameWords: Readonly<Record<Blame, string>> = {
  caller: 'the caller: change the request',
  weir: 'Weir: its own bounds are full, or it stops; repeat later (`Retry-After` says when)',
  coreapp:
    'the Coreapp or the way to it; after `unreachable` it has not acted, after `broken` and `timedOut` it may have',
  store: 'the store: Redis is away; repeat later, nothing is wrong with the credentials',
};

export function errorsPage(): string {
  const rows = Object.entries(refusalTable)
    .map(([name, entry]) => ({ name, entry, coded: codes[name as RefusalName] }))
    .toSorted((a, b) => a.entry.status - b.entry.status || a.coded[0] - b.coded[0])
    .map(({ name, entry, coded: [number, title] }) => [
      String(entry.status),
      String(number),
      title,
      entry.blame,
      code(name),
      entry.details ?? '',
    ]);
  return `${generatedNote('src/exchange/refusals.ts')}

# Errors

Every “no” that Weir itself says; [refusals.md](refusals.md) has what to do about it. Anything else comes from the Coreapp
and is passed on as it is, but for 429 and 503: those are replayed while the hold time lasts. With the profile \`coreapp\` the body is
the Webapp's envelope, with its codes; with \`cloud\` the Graph API's error object; with \`none\` problem details (RFC 9457), whose
\`code\` is the name:

\`\`\`json
{"errors":[{"code":1016,"title":"System overloaded","details":"The line is full."}],"meta":{"version":"…","api_status":"stable"}}
\`\`\`

The name is what the log and the metrics call it. The details are those of a refusal that brings none of its own; the
most bring some, and say which part of the request it is, what was given and what would be right.

${table(['Status', 'Code', 'Title', 'Whose', 'Name', 'Details'], rows)}

Whose doing it was:

${table(
  ['Whose', 'What it means'],
  Object.entries(blameWords).map(([blame, words]) => [blame, words]),
)}
`;
}
