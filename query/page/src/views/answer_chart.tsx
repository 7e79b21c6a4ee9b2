import type uPlot from 'uplot';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Column, SqlAnswer, Value } from '../api/types';
import { axis, calendarValues, Plot } from '../charts/plot';
import { short } from '../format/number';
import { isNumeric, isTime, timeValue, valueText } from '../format/value';

const MOST_TEXTS = 200;

export function chartable({ columns, rows }: SqlAnswer): boolean {
  return rows.length > 0 && columns.some(isNumeric);
}

/** One numeric column over another, over time, or over names. */
export function AnswerChart({ answer }: { answer: SqlAnswer }) {
  const { columns } = answer;
  const numeric = columns.map((column, index) => ({ column, index })).filter(({ column }) => isNumeric(column));
  const [across, setAcross] = useState(() => firstOf(columns, isTime) ?? firstOf(columns, (column) => !isNumeric(column)) ?? -1);
  const [up, setUp] = useState(() => numeric.find(({ index }) => index !== across)?.index ?? 0);
  const place = useRef<HTMLDivElement>(null);

  useEffect(() => {
    if (!place.current) return;
    const { data, labels, time } = dataOf(answer, across, up);
    const plot = new Plot(place.current, (colours) => ({
      padding: [12, 32, 0, 8],
      legend: { show: false },
      scales: { x: { time } },
      axes: [
        axis(colours, { size: 28, ...(labels ? { values: (_: uPlot, splits: number[]) => splits.map((at) => labels[at] ?? ''), space: 80, incrs: [1, 2, 5, 10, 20, 50] } : time ? { values: calendarValues, space: 80 } : {}) }),
        axis(colours, { size: 64, values: (_: uPlot, splits: number[]) => splits.map((at) => (at < 0 ? `−${short(-at)}` : short(at))) }),
      ],
      series: [{}, labels
        ? { fill: colours.accent, stroke: 'transparent', points: { show: false }, paths: columnPaths }
        : { stroke: colours.accent, width: 1.5, points: { show: data[0].length < 200, size: 4 } }],
    }));
    plot.show(data);
    return () => plot.close();
  }, [answer, across, up]);
  return (
    <>
      <div class="axes">
        <label>Up <select value={up} onChange={(event) => setUp(Number(event.currentTarget.value))}>{numeric.map(({ column, index }) => <option value={index}>{column.name}</option>)}</select></label>
        <label>Across <select value={across} onChange={(event) => setAcross(Number(event.currentTarget.value))}>
          <option value={-1}>row</option>
          {columns.map((column, index) => <option value={index}>{column.name}</option>)}
        </select></label>
      </div>
      <div class="plot answer-plot" ref={place} role="img" aria-label={`${columns[up]?.name ?? ''} over ${columns[across]?.name ?? 'rows'}; the table has the same figures`} />
    </>
  );
}

function firstOf(columns: readonly Column[], wanted: (column: Column) => boolean): number | undefined {
  const index = columns.findIndex(wanted);
  return index < 0 ? undefined : index;
}

interface Drawn {
  data: [number[], (number | null)[]];
  labels: string[] | null;
  time: boolean;
}

export function dataOf({ columns, rows }: SqlAnswer, across: number, up: number): Drawn {
  const number = (value: Value | undefined) => (value === null || value === undefined ? null : Number(value));
  const column = columns[across];
  if (!column) return { data: [rows.map((_, index) => index), rows.map((row) => number(row[up]))], labels: null, time: false };
  if (!isTime(column) && !isNumeric(column)) {
    const some = rows.slice(0, MOST_TEXTS);
    return { data: [some.map((_, index) => index), some.map((row) => number(row[up]))], labels: some.map((row) => valueText(row[across] ?? null)), time: false };
  }
  const time = isTime(column);
  const points = rows
    .map((row) => ({ x: time ? timeValue(row[across] ?? null) / 1000 : (number(row[across]) ?? Number.NaN), y: number(row[up]) }))
    .filter(({ x }) => Number.isFinite(x))
    .sort((one, other) => one.x - other.x);
  return { data: [points.map(({ x }) => x), points.map(({ y }) => y)], labels: null, time };
}

function columnPaths(chart: uPlot, series: number, from: number, until: number): uPlot.Series.Paths {
  const fill = new Path2D();
  const [xs, ys] = [chart.data[0], chart.data[series] ?? []];
  const zero = chart.valToPos(0, 'y', true);
  const wide = Math.max(1, Math.abs(chart.valToPos(1, 'x', true) - chart.valToPos(0, 'x', true)) * 0.7);
  for (let index = from; index <= until; index += 1) {
    const value = ys[index];
    if (value === null || value === undefined) continue;
    const x = chart.valToPos(xs[index] as number, 'x', true);
    const y = chart.valToPos(value, 'y', true);
    fill.rect(x - wide / 2, Math.min(y, zero), wide, Math.abs(zero - y));
  }
  return { fill, stroke: null };
}
