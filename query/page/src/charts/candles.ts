/** Minute bars: candles, volume below them, and the volume-weighted average price as a line. */

import uPlot from 'uplot';
import type { Bar } from '../api/types';
import { price, short } from '../format/number';
import { clock, milliseconds } from '../format/time';
import { axis, clockValues, Plot } from './plot';
import type { Palette } from './theme';
import { timeRange } from './time_range';

const [OPEN, HIGH, LOW, CLOSE, VOLUME] = [1, 2, 3, 4, 5] as const;

export class Candles {
  private readonly plot: Plot;
  private cursorAt: number | null = null;

  constructor(
    place: HTMLElement,
    private decimals: () => number,
    private readonly read: (words: string) => void,
  ) {
    this.plot = new Plot(place, (colours) => this.options(colours));
  }

  show(bars: readonly Bar[]): void {
    const column = (value: (bar: Bar) => number | null) => bars.map(value);
    this.plot.show([
      bars.map((bar) => milliseconds(bar.open_time) / 1000),
      column((bar) => Number(bar.open)),
      column((bar) => Number(bar.high)),
      column((bar) => Number(bar.low)),
      column((bar) => Number(bar.close)),
      column((bar) => Number(bar.volume)),
      column((bar) => (bar.vwap === null ? null : Number(bar.vwap))),
    ]);
  }

  mark(at: number | null): void {
    if (this.cursorAt === at) return;
    this.cursorAt = at;
    this.plot.redraw();
  }

  close(): void {
    this.plot.close();
  }

  private options(colours: Palette) {
    return {
      padding: [8, 0, 0, 8] as [number, number, number, number],
      legend: { show: false },
      cursor: { y: false, points: { show: false } },
      scales: {
        x: { time: true, range: (chart: uPlot): [number, number] => timeRange(chart.data[0]) },
        y: { range: (chart: uPlot): [number, number] => priceRange(chart) },
        volume: { range: (_: uPlot, __: number, high: number): [number, number] => [0, (high || 1) * 4.2] },
      },
      axes: [
        axis(colours, { values: clockValues, grid: { show: false }, size: 24, gap: 4, space: 70 }),
        axis(colours, { side: 1, size: 76, gap: 8, space: 34, values: (_: uPlot, splits: number[]) => splits.map((at) => price(at.toFixed(this.decimals()), this.decimals())) }),
      ],
      series: [
        {},
        ...['open', 'high', 'low', 'close'].map((label) => ({ label, paths: () => null, points: { show: false } })),
        { label: 'volume', scale: 'volume', paths: () => null, points: { show: false } },
        { label: 'vwap', stroke: colours.text, width: 1, dash: [3, 3], points: { show: false } },
      ],
      hooks: {
        drawSeries: [(chart: uPlot, index: number) => index === CLOSE && drawCandles(chart, colours)],
        draw: [(chart: uPlot) => this.cursorAt !== null && drawMark(chart, this.cursorAt, colours)],
        setCursor: [(chart: uPlot) => this.read(this.describe(chart))],
      },
    };
  }

  private describe(chart: uPlot): string {
    const at = chart.cursor.idx ?? chart.data[0].length - 1;
    const value = (series: number) => chart.data[series]?.[at];
    const time = chart.data[0][at];
    if (time === undefined) return '';
    const figure = (series: number) => price(Number(value(series) ?? 0).toFixed(this.decimals()), this.decimals());
    return `${clock(time * 1000).slice(0, 5)}  O ${figure(OPEN)}  H ${figure(HIGH)}  L ${figure(LOW)}  C ${figure(CLOSE)}  V ${short(Number(value(VOLUME) ?? 0))}`;
  }
}

function priceRange(chart: uPlot): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const at of chart.data[LOW] ?? []) if (at) low = Math.min(low, at);
  for (const at of chart.data[HIGH] ?? []) if (at) high = Math.max(high, at);
  if (!(low < high)) return Number.isFinite(low) ? [low * 0.999, low * 1.001] : [0, 1];
  const room = (high - low) * 0.06;
  return [low - room * 5, high + room];
}

function drawCandles(chart: uPlot, colours: Palette): void {
  const { ctx: context, data, bbox } = chart;
  const times = data[0];
  const x = (time: number) => chart.valToPos(time, 'x', true);
  const y = (value: number, scale = 'y') => chart.valToPos(value, scale, true);
  const each = Math.abs(x(60) - x(0));
  const body = Math.max(1, Math.min(14 * devicePixelRatio, Math.floor(each * 0.66)));
  const floor = bbox.top + bbox.height;
  context.save();
  context.beginPath();
  context.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  context.clip();
  for (let index = 0; index < times.length; index += 1) {
    const [open, high, low, close, volume] = [OPEN, HIGH, LOW, CLOSE, VOLUME].map((series) => Number(data[series]?.[index])) as [number, number, number, number, number];
    const middle = Math.round(x(times[index] as number));
    const colour = close >= open ? colours.bid : colours.ask;
    context.fillStyle = colour;
    context.globalAlpha = 0.28;
    const top = y(volume, 'volume');
    context.fillRect(middle - body / 2, top, body, floor - top);
    context.globalAlpha = 1;
    context.fillRect(middle - devicePixelRatio / 2, y(high), devicePixelRatio, Math.max(1, y(low) - y(high)));
    const upper = y(Math.max(open, close));
    context.fillRect(middle - body / 2, upper, body, Math.max(devicePixelRatio, y(Math.min(open, close)) - upper));
  }
  context.restore();
}

function drawMark(chart: uPlot, at: number, colours: Palette): void {
  const x = chart.valToPos(at / 1000, 'x', true);
  if (x < chart.bbox.left || x > chart.bbox.left + chart.bbox.width) return;
  chart.ctx.fillStyle = colours.accent;
  chart.ctx.fillRect(x - devicePixelRatio / 2, chart.bbox.top, 1.5 * devicePixelRatio, chart.bbox.height);
}
