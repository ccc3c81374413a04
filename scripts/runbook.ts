/**
 * `src/ops/runbook.html`: docs/how-to/answer-an-alert.md as the ops port shows it, so that the link of an alert leads
 * to what is said of it in the version that runs.
 */
import { readFileSync } from 'node:fs';
import { Marked } from 'marked';

const source = new URL('../docs/how-to/answer-an-alert.md', import.meta.url);

/** What a heading is linked by, as forges of repositories have it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const marked = new Marked({
  renderer: {
    heading({ tokens, depth, text }) {
      return `<h${depth} id="${anchorOf(text)}">${this.parser.parseInline(tokens)}</h${depth}>\n`;
    },
    /** The other pages are in the repository only, so their names stand there in the place of links. */
    link({ href, tokens }) {
      const words = this.parser.parseInline(tokens);
      return href.startsWith('#') ? `<a href="${href}">${words}</a>` : `${words} (<code>${pathOf(href)}</code>)`;
    },
  },
});

const pathOf = (href: string): string => new URL(href, 'file:///docs/how-to/').href.replace('file:///', '');

export function runbook(): string {
  const text = readFileSync(source, 'utf8');
  return `<!doctype html>
<!-- Generated from docs/how-to/answer-an-alert.md by \`node scripts/generate.ts\`. Change the source, not this file. -->
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Weir: answer an alert</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/runbook.css">
<main>
${marked.parse(text, { async: false })}</main>
</html>
`;
}
