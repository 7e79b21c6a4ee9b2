/** One derived figure over the last minutes: a line, or columns up and down from nothing. */

import uPlot from 'uplot';
import { short } from '../format/number';
import { axis, clockValues, Plot } from './plot';
import type { Palette } from './theme';

export interface LineStyle {
  kind: 'line' | 'columns';
  /** Which colours the series take, in their order. */
  colours: ('text' | 'accent' | 'muted')[];
  /** The scale takes in nothing and lies around it evenly. */
  centred: boolean;
}

const SYNC = uPlot.sync('figures');

export class FigureLine {
  private readonly plot: Plot;
  /** Seconds shown, whether or not figures of all of them are there. */
  private span = 180;

  constructor(
    place: HTMLElement,
    private readonly style: LineStyle,
  ) {
    this.plot = new Plot(place, (colours) => this.options(colours));
  }

  show(times: number[], columns: (number | null)[][], span: number): void {
    this.span = span;
    this.plot.show([times, ...columns]);
  }

  close(): void {
    this.plot.close();
  }

  private timeRange(times: ArrayLike<number>): [number, number] {
    const last = times[times.length - 1] ?? this.span;
    return [last - this.span, last];
  }

  private options(colours: Palette) {
    const { style } = this;
    return {
      padding: [4, 0, 0, 0] as [number, number, number, number],
      legend: { show: false },
      cursor: { y: false, points: { size: 5 }, sync: { key: SYNC.key }, drag: { x: false, y: false } },
      scales: { x: { time: true, range: (chart: uPlot): [number, number] => this.timeRange(chart.data[0]) }, y: { range: (_: uPlot, low: number, high: number) => rangeOf(low, high, style.centred) } },
      axes: [
        axis(colours, { values: clockValues, grid: { show: false }, size: 20, gap: 3, space: 80 }),
        axis(colours, { side: 1, size: 52, gap: 6, space: 22, values: (_: uPlot, splits: number[]) => splits.map((at) => (at < 0 ? `−${short(-at)}` : short(at))) }),
      ],
      series: [
        {},
        ...style.colours.map((name) => ({
          stroke: style.kind === 'line' ? colours[name] : 'transparent',
          width: 1.25,
          points: { show: false },
        })),
      ],
      hooks: { drawSeries: style.kind === 'columns' ? [(chart: uPlot) => drawColumns(chart, colours, this.span)] : [] },
    };
  }
}

function rangeOf(low: number | null, high: number | null, centred: boolean): [number, number] {
  if (low === null || high === null) return [-1, 1];
  if (centred) {
    const far = Math.max(Math.abs(low), Math.abs(high), 1e-9) * 1.08;
    return [-far, far];
  }
  const room = (high - low) * 0.1 || Math.abs(high) * 0.1 || 1;
  return [Math.max(0, low - room), high + room];
}

function drawColumns(chart: uPlot, colours: Palette, span: number): void {
  const { ctx: context, data, bbox } = chart;
  const zero = chart.valToPos(0, 'y', true);
  const wide = Math.max(1, (bbox.width / (span * 2)) * 0.8);
  for (let index = 0; index < data[0].length; index += 1) {
    const value = data[1]?.[index];
    if (value === null || value === undefined || value === 0) continue;
    const x = chart.valToPos(data[0][index] as number, 'x', true);
    const y = chart.valToPos(value, 'y', true);
    context.fillStyle = value > 0 ? colours.bid : colours.ask;
    context.fillRect(x - wide / 2, Math.min(y, zero), wide, Math.abs(zero - y));
  }
}
