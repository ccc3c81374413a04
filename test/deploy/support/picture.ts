/** The Grafana dashboard as a picture: each panel in its place, drawn of what Prometheus has answered. */
import type { Curve } from './prometheus.ts';

export interface Panel {
  readonly type: 'row' | 'timeseries' | 'stat';
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly Target[];
}

interface Target {
  readonly expr: string;
  readonly legendFormat: string;
}

/** What was answered to one target of a panel. */
export interface Answer {
  readonly panel: Panel;
  readonly target: Target;
  readonly curves: readonly Curve[];
}

const cell = { width: 50, height: 26 };
const colors = [
  '#3274d9',
  '#e0752d',
  '#508642',
  '#8f3bb8',
  '#bf1b00',
  '#0a50a1',
  '#967302',
  '#2f575e',
  '#99440a',
  '#58140c',
];

/** As Grafana writes values of these units, in short. */
function written(value: number, unit: string): string {
  if (unit === 'percentunit') return `${rounded(value * 100)} %`;
  if (unit === 'bytes') return `${rounded(value / 2 ** 20)} MiB`;
  if (unit === 's') return value < 1 ? `${rounded(value * 1_000)} ms` : `${rounded(value)} s`;
  return `${rounded(value)}${unit === 'reqps' ? '/s' : ''}`;
}

const rounded = (value: number): string =>
  Math.abs(value) < 0.001 ? value.toExponential(0).replace('0e+0', '0') : String(Number(value.toPrecision(3)));
const safe = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** `p50 {{class}}` with the labels of a series. */
const legendOf = ({ legendFormat }: Target, { metric }: Curve): string =>
  legendFormat.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) => metric[name] ?? '');

export function drawn(panels: readonly Panel[], answers: readonly Answer[], fromS: number, toS: number): string {
  const bottom = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * cell.height;
  const parts = panels.map((panel) => {
    const own = answers.filter((answer) => answer.panel === panel);
    const { x, y, w, h } = panel.gridPos;
    const body =
      panel.type === 'row'
        ? rowOf(panel)
        : panel.type === 'stat'
          ? figureOf(panel, own)
          : linesOf(panel, own, fromS, toS);
    return `<svg x="${x * cell.width}" y="${y * cell.height}" width="${w * cell.width}" height="${h * cell.height}">${body}</svg>`;
  });
  const size = `width="${24 * cell.width}" height="${bottom}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="11"><rect ${size} fill="#f4f5f5"/>${parts.join('\n')}</svg>\n`;
}

const text = (x: number, y: number, words: string, how = ''): string =>
  `<text x="${x}" y="${y}" fill="#222" ${how}>${safe(words)}</text>`;
const frame = '<rect x="2" y="2" width="396" height="100%" fill="#fff" stroke="#ddd"/>';
const rowOf = ({ title }: Panel): string => text(6, 18, title, 'font-size="14" font-weight="bold"');

function figureOf(panel: Panel, answers: readonly Answer[]): string {
  const last = answers[0]?.curves[0]?.values.at(-1)?.[1];
  const value = last === undefined ? 'nothing' : written(Number(last), panel.fieldConfig?.defaults.unit ?? '');
  return frame + text(10, 18, panel.title) + text(10, 72, value, 'font-size="32"');
}

function linesOf(panel: Panel, answers: readonly Answer[], fromS: number, toS: number): string {
  const unit = panel.fieldConfig?.defaults.unit ?? '';
  const curves = answers.flatMap(({ target, curves: found }) =>
    found
      .map((curve) => ({
        legend: legendOf(target, curve),
        values: curve.values.filter(([, value]) => Number.isFinite(Number(value))),
      }))
      .filter(({ values }) => values.length > 0),
  );
  const most = Math.max(0, ...curves.flatMap(({ values }) => values.map(([, value]) => Number(value)))) || 1;
  const at = ([atS, value]: readonly [number, string]): string =>
    `${(60 + ((atS - fromS) / (toS - fromS)) * 330).toFixed(1)},${(150 - (Number(value) / most) * 115).toFixed(1)}`;
  const axis = [0, 0.5, 1].map((part) => {
    const y = 150 - part * 115;
    return `<path d="M60 ${y}H390" stroke="#e4e4e4"/>${text(54, y + 4, written(most * part, unit), 'text-anchor="end"')}`;
  });
  const drawnLines = curves.map(
    ({ values }, index) =>
      `<polyline fill="none" stroke="${colors[index % colors.length]}" stroke-width="1.5" points="${values.map(at).join(' ')}"/>`,
  );
  const columns = curves.some(({ legend }) => legend.length > 20) ? 1 : 3;
  const legends = curves.slice(0, 3 * columns).map(({ legend }, index) => {
    const [x, y] = [10 + (index % columns) * 130, 170 + Math.floor(index / columns) * 14];
    const mark = `<rect x="${x}" y="${y - 8}" width="8" height="8" fill="${colors[index % colors.length]}"/>`;
    return mark + text(x + 12, y, legend);
  });
  return [frame, text(10, 18, panel.title, 'font-weight="bold"'), ...axis, ...drawnLines, ...legends].join('');
}
