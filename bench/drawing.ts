/** Curves as an SVG: one panel each, both axes logarithmic. */
export interface Curve {
  readonly title: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const [width, height, left, top, bottom] = [360, 220, 52, 30, 34];
const columns = 2;
const labelWidth = 28;

export function drawing(curves: readonly Curve[]): string {
  const rows = Math.ceil(curves.length / columns);
  const panels = curves.map((curve, i) => {
    const at = `translate(${(i % columns) * width} ${Math.floor(i / columns) * height})`;
    return `<g transform="${at}">${panel(curve)}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${columns * width} ${rows * height}" font-family="sans-serif" font-size="11">
<title>CPU of a request, microseconds, against ${curves.map(({ title }) => title).join('; ')}</title>
<rect width="100%" height="100%" fill="#fff"/>
${panels.join('\n')}
</svg>
`;
}

function panel({ title, points }: Curve): string {
  // Zero has no logarithm: it stands at the left edge.
  const xs = points.map(([x]) => Math.log10(Math.max(x, 1)));
  const ys = points.map(([, y]) => Math.log10(y));
  const [low, high] = [Math.floor(Math.min(...ys)), Math.ceil(Math.max(...ys))];
  const right = width - 16;
  const floor = height - bottom;
  const xOf = (x: number): number => left + ((right - left) * x) / (Math.max(...xs) || 1);
  const yOf = (y: number): number => floor - ((floor - top) * (y - low)) / (high - low || 1);
  const decades = Array.from({ length: high - low + 1 }, (_, i) => low + i);
  const grid = decades.map(
    (y) =>
      `<path d="M${left} ${yOf(y)}H${right}" stroke="#ddd"/><text x="${left - 6}" y="${yOf(y) + 4}" text-anchor="end" fill="#444">${short(10 ** y)}</text>`,
  );
  const line = points.map(
    (_, i) => `${i === 0 ? 'M' : 'L'}${xOf(xs[i] as number).toFixed(1)} ${yOf(ys[i] as number).toFixed(1)}`,
  );
  let labelled = Number.NEGATIVE_INFINITY;
  const marks = points.map(([x, y], i) => {
    const at = xOf(xs[i] as number);
    const hasRoom = at - labelled >= labelWidth;
    if (hasRoom) labelled = at;
    const [cx, cy] = [xOf(xs[i] as number).toFixed(1), yOf(ys[i] as number).toFixed(1)];
    return (
      `<circle cx="${cx}" cy="${cy}" r="3" fill="#0b62a4"/>` +
      `<text x="${cx}" y="${Number(cy) - 7}" text-anchor="middle" fill="#0b62a4">${y.toFixed(0)}</text>` +
      (hasRoom ? `<text x="${cx}" y="${floor + 14}" text-anchor="middle" fill="#444">${short(x)}</text>` : '')
    );
  });
  return (
    `<text x="${left}" y="16" font-weight="bold" fill="#111">µs a request, by ${title}</text>${grid.join('')}` +
    `<path d="${line.join('')}" fill="none" stroke="#0b62a4" stroke-width="1.5"/>${marks.join('')}`
  );
}

const short = (value: number): string =>
  value >= 1e6 ? `${value / 1e6} M` : value >= 1e3 ? `${value / 1e3} k` : String(value);
