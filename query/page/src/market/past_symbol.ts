/** The past of one symbol, read back from the lake: a window of frames around the time looked at. */

import { signal } from '@preact/signals';
import * as api from '../api/client';
import type { ReplayFrame } from '../api/types';
import { milliseconds, rfc3339 } from '../format/time';
import { Book } from './book';
import { DepthHistory } from './depth_history';
import { FIGURES, figuresOf, marksOf, touchOf, type TradeMark } from './live_symbol';
import { orderFlow, type Touch } from './order_flow';
import { Window } from './window';

export const PAST_STEP = 1000;
export const PAST_SPAN = 300_000;
const PAST_DEPTH = 50;
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
    const from = Math.floor((this.wanted - PAST_SPAN * 0.6) / PAST_STEP) * PAST_STEP;
    try {
      const [answer, trades] = await Promise.all([
        api.replayRange(this.symbol, rfc3339(from), rfc3339(from + PAST_SPAN), PAST_STEP, PAST_DEPTH, asking.signal),
        api.trades(this.symbol, 1000, rfc3339(from + PAST_SPAN), asking.signal).then(({ trades: found }) => found, () => []),
      ]);
      if (asking.signal.aborted) return;
      this.setBounds(answer.earliest, answer.latest);
      this.keep(from, answer.frames, marksOf(trades));
      this.failure.value = this.frames.length ? null : 'Nothing was kept of this time.';
    } catch (error) {
      if (asking.signal.aborted) return;
      this.failure.value = api.explain(error);
    }
    this.loading.value = false;
    this.showFrame();
  }

  private keep(from: number, frames: ReplayFrame[], trades: TradeMark[]): void {
    frames.sort((one, other) => milliseconds(one.at) - milliseconds(other.at));
    this.frames = frames;
    this.times = frames.map(({ at }) => milliseconds(at));
    this.trades = trades;
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

  private showFrame(): void {
    let index = this.times.length - 1;
    while (index >= 0 && (this.times[index] as number) > this.wanted) index -= 1;
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
