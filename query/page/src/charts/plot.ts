/** uPlot, dressed as the page: made anew when the theme changes, sized with its place, and taken down with it. */

import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { effect } from '@preact/signals';
import { watchSize } from './canvas';
import { FONT, palette, theme, type Palette } from './theme';

export type Options = Omit<uPlot.Options, 'width' | 'height'>;

export class Plot {
  private chart: uPlot | null = null;
  private data: uPlot.AlignedData = [[]];
  private readonly ends: (() => void)[];

  constructor(
    private readonly place: HTMLElement,
    private readonly options: (colours: Palette) => Options,
  ) {
    this.ends = [
      effect(() => {
        theme.value;
        this.make();
      }),
      watchSize(place, (width, height) => this.chart?.setSize({ width, height })),
    ];
  }

  show(data: uPlot.AlignedData): void {
    this.data = data;
    this.chart?.setData(data);
  }

  redraw(): void {
    this.chart?.redraw(false);
  }

  close(): void {
    for (const end of this.ends) end();
    this.chart?.destroy();
    this.chart = null;
  }

  private make(): void {
    this.chart?.destroy();
    const { clientWidth: width, clientHeight: height } = this.place;
    const tzDate = (at: number) => uPlot.tzDate(new Date(at * 1000), 'Etc/UTC');
    this.chart = new uPlot({ width, height, tzDate, ...this.options(palette()) }, this.data, this.place);
  }
}

export function axis(colours: Palette, more: uPlot.Axis = {}): uPlot.Axis {
  return {
    stroke: colours.muted,
    font: `500 11px ${FONT}`,
    grid: { stroke: colours.line, width: 1 },
    ticks: { show: false },
    ...more,
  };
}

/** Times of an axis in UTC, hours and minutes, with seconds when they matter. */
export function clockValues(chart: uPlot, splits: number[]): string[] {
  const fine = splits.some((at) => at % 60 !== 0);
  const { min = 0, max = 0 } = chart.scales['x'] ?? {};
  // What would be cut off at the edge is left out.
  const edge = (min ?? 0) + ((max ?? 0) - (min ?? 0)) * 0.05;
  return splits.map((at) => (at < edge ? '' : new Date(at * 1000).toISOString().slice(11, fine ? 19 : 16)));
}

/** Times of an axis that may span days, in UTC. */
export function calendarValues(_: uPlot, splits: number[], __: number, ___: number, step: number): string[] {
  return splits.map((at) => {
    const text = new Date(at * 1000).toISOString();
    if (step >= 86_400) return text.slice(0, 10);
    if (at % 86_400 === 0) return text.slice(5, 10);
    return text.slice(11, step < 60 ? 19 : 16);
  });
}
