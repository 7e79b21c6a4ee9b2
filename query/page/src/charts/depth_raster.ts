/**
 * The depth history as pixels: one column per time step, one row per price band. Columns are painted once and then
 * only moved; everything is painted again when the prices shown, the scale of colours or the theme change.
 */

import type { DepthColumn, DepthHistory } from '../market/depth_history';
import { colourMap } from './colour_map';

export interface PriceRange {
  low: number;
  high: number;
  rows: number;
}

/** For how many milliseconds a column stands in for those after it when nothing was recorded. */
const HOLD = 2000;

export class DepthRaster {
  private readonly canvas = document.createElement('canvas');
  private readonly context = this.canvas.getContext('2d');
  private image: ImageData | null = null;
  private words = new Uint32Array(0);
  private sums = new Float32Array(0);
  private map = colourMap(true);
  private key = '';
  private history: DepthHistory | null = null;
  private painted = -1;
  private full = 1;
  private range: PriceRange = { low: 0, high: 1, rows: 1 };

  /** Brings the pixels of steps `first`..=`last` up to date. */
  update(history: DepthHistory, first: number, last: number, range: PriceRange, dark: boolean): void {
    const steps = last - first + 1;
    const full = this.scaleOf(history, first, last, range);
    const key = [steps, range.low, range.high, range.rows, dark, full, history.revision].join();
    this.range = range;
    if (key !== this.key || history !== this.history || first > this.painted) {
      this.key = key;
      this.history = history;
      this.full = full;
      this.map = colourMap(dark);
      this.resize(steps, range.rows);
      this.painted = first - 1;
    }
    // The newest column painted may have changed since.
    for (let step = Math.max(first, this.painted); step <= last; step += 1) this.paint(history, step);
    this.painted = last;
  }

  draw(target: CanvasRenderingContext2D, first: number, last: number, x: number, y: number, width: number, height: number): void {
    const steps = last - first + 1;
    const start = first % steps;
    const head = steps - start;
    const each = width / steps;
    target.imageSmoothingEnabled = false;
    target.drawImage(this.canvas, start, 0, head, this.range.rows, x, y, head * each, height);
    if (start > 0) target.drawImage(this.canvas, 0, 0, start, this.range.rows, x + head * each, y, start * each, height);
  }

  private resize(steps: number, rows: number): void {
    this.canvas.width = steps;
    this.canvas.height = rows;
    this.image = new ImageData(steps, rows);
    this.words = new Uint32Array(this.image.data.buffer);
    this.sums = new Float32Array(rows);
  }

  private paint(history: DepthHistory, step: number): void {
    if (!this.image || !this.context) return;
    const { rows } = this.range;
    const steps = this.image.width;
    const x = step % steps;
    const column = held(history, step);
    this.sums.fill(-1);
    if (column) gather(column, this.range, this.sums);
    for (let row = 0; row < rows; row += 1) {
      const sum = this.sums[row] as number;
      this.words[row * steps + x] = sum < 0 ? 0 : (this.map[Math.min(255, Math.round((sum / this.full) ** 0.55 * 255))] as number);
    }
    this.context.putImageData(this.image, 0, 0, x, 0, 1, rows);
  }

  /** The amount drawn brightest: what one band in thirty exceeds; kept while it is about right. */
  private scaleOf(history: DepthHistory, first: number, last: number, range: PriceRange): number {
    const found: number[] = [];
    const sums = new Float32Array(range.rows);
    const stride = Math.max(1, Math.floor((last - first) / 24));
    for (let step = last; step >= first; step -= stride) {
      const column = history.at(step);
      if (!column) continue;
      sums.fill(-1);
      gather(column, range, sums);
      for (const sum of sums) if (sum > 0) found.push(sum);
    }
    if (!found.length) return this.full;
    found.sort((one, other) => one - other);
    const wanted = found[Math.floor(found.length * 0.97)] as number;
    return wanted > this.full * 1.4 || wanted < this.full / 1.4 ? wanted : this.full;
  }
}

export function held(history: DepthHistory, step: number): DepthColumn | null {
  for (let back = 0; back * history.stepMs < HOLD; back += 1) {
    const column = history.at(step - back);
    if (column) return column;
  }
  return null;
}

/** Adds up the sizes within each band. Bands between the outermost known prices hold at least zero; others stay as they are. */
export function gather(column: DepthColumn, range: PriceRange, sums: Float32Array): void {
  const { low, high, rows } = range;
  const each = (high - low) / rows;
  const total = column.bids + column.asks;
  const lowest = column.prices[column.bids - 1] ?? Number.NaN;
  const highest = column.prices[total - 1] ?? Number.NaN;
  const top = Math.max(0, Math.floor((high - highest) / each));
  const bottom = Math.min(rows - 1, Math.floor((high - lowest) / each));
  for (let row = top; row <= bottom; row += 1) sums[row] = 0;
  for (let index = 0; index < total; index += 1) {
    const row = Math.floor((high - (column.prices[index] as number)) / each);
    if (row >= 0 && row < rows) sums[row] = Math.max(0, sums[row] as number) + (column.sizes[index] as number);
  }
}
