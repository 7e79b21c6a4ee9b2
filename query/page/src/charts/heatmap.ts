/** Depth over time: amounts as colours, the best bid and ask as lines, trades as circles, and what lies under the pointer. */

import { price as priceText, short } from '../format/number';
import { clock } from '../format/time';
import type { DepthHistory } from '../market/depth_history';
import type { TradeMark } from '../market/live_symbol';
import { sharpContext } from './canvas';
import { DepthRaster, gather, held, type PriceRange } from './depth_raster';
import { FONT, palette, type Palette } from './theme';

export interface Scene {
  history: DepthHistory;
  trades: readonly TradeMark[];
  from: number;
  until: number;
  mid: number;
  tick: number;
  decimals: number;
  /** A time marked by a line, when the past is looked at. */
  cursor: number | null;
}

const BOTTOM = 22;
const ROW_HEIGHT = 4;

export class Heatmap {
  private readonly raster = new DepthRaster();
  private centre = Number.NaN;
  private half = 0;
  private depth = 0;
  private right = 64;
  private measured: DepthHistory | null = null;
  private measuredAt = 0;
  private zoom = 1;
  private pointer: { x: number; y: number } | null = null;
  private box = { width: 0, height: 0 };
  private scene: Scene | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {}

  resize(width: number, height: number): void {
    this.box = { width, height };
  }

  point(x: number | null, y: number): void {
    this.pointer = x === null ? null : { x, y };
    if (this.scene) this.draw(this.scene);
  }

  zoomBy(factor: number): void {
    this.zoom = Math.max(0.1, Math.min(8, this.zoom * factor));
    this.half = 0;
    if (this.scene) this.draw(this.scene);
  }

  /** The time at a place of the canvas. */
  timeAt(x: number): number | null {
    const scene = this.scene;
    return scene ? scene.from + (Math.max(0, Math.min(x, this.width)) / this.width) * (scene.until - scene.from) : null;
  }

  draw(scene: Scene): void {
    this.scene = scene;
    const { width, height } = this.box;
    const context = sharpContext(this.canvas, width, height);
    if (!context) return;
    const colours = palette();
    this.right = this.labelWidth(context, scene);
    if (width < this.right + 20) return;
    context.clearRect(0, 0, width, height);
    const range = this.rangeFor(scene);
    if (!range) return;
    const first = scene.history.stepOf(scene.from);
    const last = scene.history.stepOf(scene.until) - 1;
    this.raster.update(scene.history, first, last, range, colours.dark);
    this.raster.draw(context, first, last, 0, 0, this.width, this.height);
    context.save();
    context.beginPath();
    context.rect(0, 0, this.width, this.height);
    context.clip();
    this.drawTouch(context, scene, range, colours, first, last);
    this.drawTrades(context, scene, range, colours);
    context.restore();
    this.drawAxes(context, scene, range, colours);
    if (scene.cursor !== null) this.drawCursor(context, scene, colours);
    if (this.pointer) this.drawPointer(context, scene, range, colours);
  }

  private get width(): number {
    return this.box.width - this.right;
  }

  /** Room for prices on the right; it only grows, so that nothing jumps. */
  private labelWidth(context: CanvasRenderingContext2D, scene: Scene): number {
    if (!Number.isFinite(scene.mid)) return this.right;
    context.font = `600 11px ${FONT}`;
    return Math.max(this.right, Math.ceil(context.measureText(priceText(scene.mid.toFixed(scene.decimals + 1), scene.decimals)).width) + 20);
  }

  private get height(): number {
    return this.box.height - BOTTOM;
  }

  /** Prices shown: they stay put until the mid comes near their end, so that the picture does not swim. */
  private rangeFor(scene: Scene): PriceRange | null {
    if (!Number.isFinite(scene.mid)) return Number.isFinite(this.centre) && this.half ? this.rowsOf(scene) : null;
    const now = performance.now();
    if (scene.history !== this.measured) this.half = 0;
    const stale = now - this.measuredAt > 2000;
    if (!this.half || stale || Math.abs(scene.mid - this.centre) > this.half - this.depth * 0.4) {
      this.measured = scene.history;
      this.measuredAt = now;
      this.settle(scene);
    }
    return this.rowsOf(scene);
  }

  private rowsOf(scene: Scene): PriceRange {
    const most = Math.max(8, Math.floor(this.height / ROW_HEIGHT));
    const band = Math.max(1, Math.ceil((this.half * 2) / scene.tick / most)) * scene.tick;
    const rows = Math.max(4, 2 * Math.round(this.half / band));
    const low = this.centre - (rows / 2) * band - scene.tick / 2;
    return { low, high: low + rows * band, rows };
  }

  /** Chooses the prices anew when those shown are too few or far too many. */
  private settle(scene: Scene): void {
    const depths: number[] = [];
    let [lowest, highest] = [scene.mid, scene.mid];
    const last = scene.history.stepOf(scene.until) - 1;
    const first = scene.history.stepOf(scene.from);
    for (let step = last; step >= first; step -= Math.max(1, Math.floor((last - first) / 60))) {
      const column = scene.history.at(step);
      if (!column || !column.bids || !column.asks) continue;
      const bid = column.prices[0] as number;
      const ask = column.prices[column.bids] as number;
      const far = Math.min(24, column.bids, column.asks) - 1;
      depths.push(Math.max(bid - (column.prices[far] as number), (column.prices[column.bids + far] as number) - ask));
      lowest = Math.min(lowest, (bid + ask) / 2);
      highest = Math.max(highest, (bid + ask) / 2);
    }
    depths.sort((one, other) => one - other);
    this.depth = Math.max(scene.tick * 8, depths[depths.length >> 1] ?? scene.tick * 20) * this.zoom;
    const wanted = this.depth + (highest - lowest) * 0.5 * Math.max(1, this.zoom);
    const centre = (lowest + highest) / 2;
    const outside = Math.abs(scene.mid - this.centre) > this.half - this.depth * 0.4;
    if (!this.half || outside || this.half > wanted * 1.7 || this.half < wanted / 1.7) {
      this.half = wanted;
      this.centre = Math.round((this.zoom < 1 ? scene.mid : centre) / scene.tick) * scene.tick;
    }
  }

  private x(scene: Scene, at: number): number {
    return ((at - scene.from) / (scene.until - scene.from)) * this.width;
  }

  private y(range: PriceRange, price: number): number {
    return ((range.high - price) / (range.high - range.low)) * this.height;
  }

  private drawTouch(context: CanvasRenderingContext2D, scene: Scene, range: PriceRange, colours: Palette, first: number, last: number): void {
    const step = scene.history.stepMs;
    for (const side of ['bid', 'ask'] as const) {
      context.beginPath();
      let open = false;
      for (let at = first; at <= last; at += 1) {
        const column = held(scene.history, at);
        const best = column && column.bids && column.asks ? column.prices[side === 'bid' ? 0 : column.bids] : undefined;
        if (best === undefined) {
          open = false;
          continue;
        }
        const y = this.y(range, best);
        if (open) context.lineTo(this.x(scene, at * step), y);
        else context.moveTo(this.x(scene, at * step), y);
        context.lineTo(this.x(scene, (at + 1) * step), y);
        open = true;
      }
      context.lineJoin = 'round';
      context.strokeStyle = colours.ground;
      context.globalAlpha = 0.55;
      context.lineWidth = 3.2;
      context.stroke();
      context.globalAlpha = 1;
      context.strokeStyle = colours[side];
      context.lineWidth = 1.4;
      context.stroke();
    }
  }

  private drawTrades(context: CanvasRenderingContext2D, scene: Scene, range: PriceRange, colours: Palette): void {
    const shown = scene.trades.filter(({ at, price }) => at >= scene.from && at <= scene.until && price >= range.low && price <= range.high);
    if (!shown.length) return;
    const sizes = shown.map(({ size }) => size).sort((one, other) => one - other);
    const big = sizes[Math.floor(sizes.length * 0.95)] || 1;
    context.strokeStyle = colours.ground;
    context.lineWidth = 1;
    for (const trade of shown) {
      const radius = 0.9 + Math.min(1.8, Math.sqrt(trade.size / big)) * 4;
      context.beginPath();
      context.arc(this.x(scene, trade.at), this.y(range, trade.price), radius, 0, Math.PI * 2);
      context.fillStyle = trade.sell ? colours.ask : colours.bid;
      context.globalAlpha = 0.82;
      context.fill();
      if (radius < 2) continue;
      context.globalAlpha = 0.9;
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  private drawAxes(context: CanvasRenderingContext2D, scene: Scene, range: PriceRange, colours: Palette): void {
    context.font = `500 11px ${FONT}`;
    context.fillStyle = colours.muted;
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    const each = niceStep((range.high - range.low) / Math.max(3, this.height / 52), scene.tick);
    const middle = Number.isFinite(scene.mid) ? this.y(range, scene.mid) : -100;
    for (let at = Math.ceil(range.low / each) * each; at <= range.high; at += each) {
      const y = this.y(range, at);
      if (y > 8 && y < this.height - 6 && Math.abs(y - middle) > 18) context.fillText(priceText(at.toFixed(scene.decimals), scene.decimals), this.width + 10, y);
    }
    if (middle > 0 && middle < this.height) this.tag(context, this.width + 4, middle, priceText(scene.mid.toFixed(scene.decimals + 1), scene.decimals), colours.text, colours.ground);
    context.fillStyle = colours.muted;
    const every = scene.until - scene.from > 150_000 ? 60_000 : 30_000;
    for (let at = Math.ceil(scene.from / every) * every; at < scene.until; at += every) {
      const x = this.x(scene, at);
      context.textAlign = 'center';
      if (x > 30 && x < this.width - 30) context.fillText(clock(at), x, this.height + BOTTOM / 2 + 2);
    }
  }

  private drawCursor(context: CanvasRenderingContext2D, scene: Scene, colours: Palette): void {
    const x = this.x(scene, scene.cursor ?? 0);
    if (x < 0 || x > this.width) return;
    context.fillStyle = colours.accent;
    context.fillRect(x - 0.75, 0, 1.5, this.height);
    context.beginPath();
    context.moveTo(x - 5, 0);
    context.lineTo(x + 5, 0);
    context.lineTo(x, 7);
    context.fill();
  }

  private drawPointer(context: CanvasRenderingContext2D, scene: Scene, range: PriceRange, colours: Palette): void {
    const { x, y } = this.pointer ?? { x: 0, y: 0 };
    if (x > this.width || y > this.height) return;
    context.strokeStyle = colours.text;
    context.globalAlpha = 0.4;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, this.height);
    context.moveTo(0, y);
    context.lineTo(this.width, y);
    context.stroke();
    context.setLineDash([]);
    context.globalAlpha = 1;
    const at = this.timeAt(x) ?? scene.from;
    const row = Math.floor((y / this.height) * range.rows);
    const sums = new Float32Array(range.rows).fill(-1);
    const column = held(scene.history, scene.history.stepOf(at));
    if (column) gather(column, range, sums);
    const amount = sums[row] ?? -1;
    const price = range.high - (y / this.height) * (range.high - range.low);
    const words = `${clock(at, 1)}   ${priceText(price.toFixed(scene.decimals), scene.decimals)}   ${amount < 0 ? 'not known' : short(amount)}`;
    context.font = `500 12px ${FONT}`;
    const wide = context.measureText(words).width + 16;
    this.tag(context, Math.min(x + 12, this.width - wide), y > 40 ? y - 18 : y + 22, words, colours.surface, colours.text, 12);
  }

  private tag(context: CanvasRenderingContext2D, x: number, y: number, words: string, ground: string, ink: string, size = 11): void {
    context.font = `${size === 11 ? 600 : 500} ${size}px ${FONT}`;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    context.fillStyle = ground;
    context.beginPath();
    context.roundRect(x, y - 10, context.measureText(words).width + 12, 20, 4);
    context.fill();
    context.fillStyle = ink;
    context.fillText(words, x + 6, y + 0.5);
  }
}

/** A round number of ticks at least as large as `least`. */
export function niceStep(least: number, tick: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, tick)));
  for (const factor of [1, 2, 5, 10]) if (power * factor >= least) return Math.max(tick, power * factor);
  return power * 10;
}
