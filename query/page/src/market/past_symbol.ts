/** The past of one symbol, read back from the lake: a window of frames around the time looked at. */

import { signal } from '@preact/signals';
import * as api from '../api/client';
import type { Bar, ReplayFrame, Trade } from '../api/types';
import { milliseconds, moment, rfc3339 } from '../format/time';
import { Book } from './book';
import { DepthHistory } from './depth_history';
import { FIGURES, figuresOf, marksOf, touchOf, type TradeMark } from './live_symbol';
import { orderFlow, type Touch } from './order_flow';
import { Window } from './window';

export const PAST_STEP = 1000;
export const PAST_SPAN = 300_000;
const PAST_DEPTH = 50;
/** Bars shown of the past, and for how long after the window they go on. */
const PAST_BARS = 120;
const BARS_AFTER = 1_800_000;
/** A range that holds every book there can be, with a step so long that no frame is rebuilt for it. */
const EVER = [Date.UTC(2000, 0), Date.UTC(2100, 0)] as const;

export interface Bounds {
  earliest: number;
  latest: number;
}

export class PastSymbol {
  readonly book = new Book();
  readonly depth = new DepthHistory(PAST_STEP, PAST_SPAN / PAST_STEP + 2, PAST_DEPTH);
  readonly bounds = signal<Bounds | null>(null);
  readonly failure = signal<string | null>(null);
  readonly loading = signal(false);
  readonly figures = new Window(FIGURES, PAST_SPAN / PAST_STEP + 2);
  trades: TradeMark[] = [];
  /** The bars around the window. */
  bars: readonly Bar[] = [];
  /** Grows when the bars change. */
  readonly barVersion = signal(0);
  /** The window loaded, in milliseconds. */
  from = 0;
  until = 0;

  private frames: ReplayFrame[] = [];
  private times: number[] = [];
  private asking: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private wanted = 0;

  constructor(
    readonly symbol: string,
    private readonly changed: () => void,
  ) {}

  /** Learns from when until when the past is known. */
  async learnBounds(): Promise<void> {
    try {
      const [first, last] = EVER;
      const answer = await api.replayRange(this.symbol, rfc3339(first), rfc3339(last), last - first, 1);
      this.setBounds(answer.earliest, answer.latest);
    } catch {
      // Whoever moves the slider is told; until then there is nothing to say.
    }
  }

  /** Shows the book at a time, loading the window around it when need be. */
  show(at: number): void {
    this.wanted = at;
    if (at < this.from || at >= this.until) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.load(), 120);
    }
    this.showFrame();
  }

  close(): void {
    clearTimeout(this.timer);
    this.asking?.abort();
  }

  private async load(): Promise<void> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    this.loading.value = true;
    this.failure.value = null;
    const from = Math.floor((this.wanted - PAST_SPAN * 0.6) / PAST_STEP) * PAST_STEP;
    try {
      const answer = await api.replayRange(this.symbol, rfc3339(from), rfc3339(from + PAST_SPAN), PAST_STEP, PAST_DEPTH, asking.signal);
      if (asking.signal.aborted) return;
      this.setBounds(answer.earliest, answer.latest);
      this.keep(from, answer.frames);
      void this.loadBeside(from, asking.signal);
      this.failure.value = this.frames.length ? null : 'Nothing was kept of this time.';
    } catch (error) {
      if (asking.signal.aborted) return;
      // What is known of another time is not shown for this one.
      this.keep(0, []);
      this.until = 0;
      this.failure.value = this.outside() ?? api.explain(error);
    }
    this.loading.value = false;
    this.showFrame();
  }

  /** Trades and bars of the window, which a book of then does not wait for. */
  private async loadBeside(from: number, signal: AbortSignal): Promise<void> {
    const until = from + PAST_SPAN;
    let found: Trade[] = [];
    const take = (page: Trade[]) => {
      if (signal.aborted) return;
      found = found.concat(page.filter(({ event_time }) => milliseconds(event_time) >= from));
      this.trades = marksOf(found);
      this.changed();
    };
    await Promise.allSettled([
      api.tradesBetween(this.symbol, from, until, signal, take),
      api.bars(this.symbol, PAST_BARS, rfc3339(until + BARS_AFTER), signal).then(({ bars }) => {
        if (signal.aborted) return;
        this.bars = bars;
        this.barVersion.value += 1;
      }),
    ]);
  }

  private keep(from: number, frames: ReplayFrame[]): void {
    frames.sort((one, other) => milliseconds(one.at) - milliseconds(other.at));
    this.frames = frames;
    this.times = frames.map(({ at }) => milliseconds(at));
    this.trades = [];
    this.from = from;
    this.until = from + PAST_SPAN;
    this.depth.clear();
    this.figures.clear();
    let before: Touch | null = null;
    const book = new Book();
    frames.forEach((frame, index) => {
      book.replace(frame.bids, frame.asks);
      const at = this.times[index] as number;
      this.depth.record(at, book.bids, book.asks);
      const touch = touchOf(book);
      this.figures.push(at / 1000, { ...figuresOf(book), flow: before && touch ? orderFlow(before, touch) : null, lag: null, screen: null });
      before = touch;
    });
  }

  /** In words, where the time looked at is outside what is known. */
  private outside(): string | null {
    const bounds = this.bounds.value;
    if (!bounds || (this.wanted >= bounds.earliest && this.wanted <= bounds.latest)) return null;
    const known = `from ${moment(bounds.earliest)} to ${moment(bounds.latest)} UTC`;
    return `Nothing is known of ${this.symbol} at ${moment(this.wanted)}: the lake has its books ${known}.`;
  }

  private showFrame(): void {
    let index = this.times.length - 1;
    while (index >= 0 && (this.times[index] as number) > this.wanted) index -= 1;
    // The first frame is a little after the first book there is.
    if (index < 0 && (this.times[0] ?? Number.NaN) - this.wanted <= PAST_STEP) index = 0;
    const frame = this.frames[index];
    if (frame) {
      this.book.replace(frame.bids, frame.asks);
      this.book.state = frame.state ?? 'live';
      this.book.eventTime = frame.at;
    } else this.book.clear();
    this.changed();
  }

  private setBounds(earliest: string | null | undefined, latest: string | null | undefined): void {
    const bounds = { earliest: milliseconds(earliest), latest: milliseconds(latest) };
    if (bounds.earliest < bounds.latest) this.bounds.value = bounds;
  }
}
