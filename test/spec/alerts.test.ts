/** The rules for Prometheus and the dashboard, as far as their text shows; test/deploy/prometheus.test.ts runs them. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const text = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Rule {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

const { groups } = parse(text('helm/files/rules.yaml')) as { groups: readonly { readonly rules: readonly Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const alerts = rules.filter((rule): rule is Rule & { readonly alert: string } => rule.alert !== undefined);
const dashboard = JSON.parse(text('helm/files/dashboard.json')) as {
  readonly panels: readonly { readonly title: string; readonly targets?: readonly { readonly expr: string }[] }[];
};
const panels = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => [title, expr] as const));

/** What a scrape may bring: the metrics of docs/reference/metrics.md with their suffixes, Prometheus's, a program's, Node's. */
const documented = new Set(
  [...text('docs/reference/metrics.md').matchAll(/^\| `(weir_\w+)`/gm)].map(([, name]) => name),
);
const recorded = new Set(rules.map(({ record }) => record));

function unknownMetrics(expr: string): string[] {
  const names =
    expr.replaceAll(/"[^"]*"/g, '').match(/[a-z_][a-z0-9_:]*:[a-z0-9_:]+|\b(weir|process|nodejs)_\w+/gi) ?? [];
  return names.filter((name) => {
    if (name.includes(':')) return !recorded.has(name);
    if (!name.startsWith('weir_')) return false;
    return !documented.has(name) && !documented.has(name.replace(/_(bucket|sum|count)$/, ''));
  });
}

describe('Every alert', () => {
  const runbooks = text('docs/how-to/answer-an-alert.md');
  const cases = text('test/deploy/rules/alerts.test.yaml');
  const shown = text('src/ops/runbook.html');

  it.each(alerts)('$alert says what it is, how bad, and where its runbook is', ({ alert, labels, annotations }) => {
    expect(alert).toMatch(/^Weir[A-Z]\w+$/);
    expect(labels?.['severity']).toMatch(/^(warning|critical)$/);
    expect(annotations?.['summary']).toMatch(/^[A-Z].*\.$/);
    expect(annotations?.['description']).toMatch(/\.$/);
    const anchor = annotations?.['runbook_url']?.replace('docs/how-to/answer-an-alert.md#', '');
    const headings = [...runbooks.matchAll(/^## (.*)$/gm)].map(([, heading = '']) => heading.toLowerCase());
    expect(headings).toContain(anchor);
    expect(shown).toContain(`<h2 id="${anchor}">`);
  });

  it('has its runbook on the ops port, where every link to another alert leads to one', () => {
    const anchors = [...shown.matchAll(/<a href="#([^"]*)">/g)].map(([, anchor]) => anchor);
    expect(anchors.length).toBeGreaterThan(0);
    for (const anchor of anchors) expect(shown).toContain(` id="${anchor}">`);
    expect(shown).not.toMatch(/<a href="[^#]/);
  });

  it.each(alerts)('$alert has a case in which it fires', ({ alert }) => {
    const fires = new RegExp(`alertname: ${alert}\\n +eval_time: \\w+\\n +exp_alerts:\\n +- exp_labels`);
    expect(cases).toMatch(fires);
  });
});

describe('Rules and dashboard ask for metrics that there are', () => {
  it.each(rules.map(({ record, alert, expr }) => [record ?? alert, expr]))('%s', (_, expr) => {
    expect(unknownMetrics(expr)).toEqual([]);
  });

  it.each(panels)('%s: %s', (_, expr) => {
    expect(unknownMetrics(expr)).toEqual([]);
  });

  it('and the check tells one that there is not', () => {
    const unknown = ['weir_request_total', 'class:weir_nothing:rate5m'];
    expect(unknownMetrics(`rate(${unknown[0]}[5m]) / ${unknown[1]}`)).toEqual(unknown);
  });
});
