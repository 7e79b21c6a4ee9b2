/**
 * One symbol followed closely: its book, what the book looked like in the last minutes, its trades, bars and derived
 * figures. Every history is bounded.
 */

import { signal } from '@preact/signals';
import * as api from '../api/client';
import type { Bar, BookState, Level, Trade } from '../api/types';
import { milliseconds, rfc3339 } from '../format/time';
import { connection, subscribe, type Message } from '../stream/connection';
import { Book } from './book';
import { DepthHistory } from './depth_history';
import { orderFlow, type Touch } from './order_flow';
import { Window } from './window';

export interface TradeMark {
  at: number;
  price: number;
  size: number;
  sell: boolean;
}

export const FIGURES = ['spread', 'imbalance', 'skew', 'flow', 'lag', 'screen'] as const;
export type Figure = (typeof FIGURES)[number];

export const LIVE_STEP = 250;
export const LIVE_SPAN = 300_000;
const LIVE_DEPTH = 100;
const SAMPLE_EVERY = 500;
const SAMPLES = 400;
const MOST_TRADES = 3000;
const MARK_EVERY = 500;
const MOST_BARS = 180;

export class LiveSymbol {
  readonly book = new Book();
  readonly depth = new DepthHistory(LIVE_STEP, LIVE_SPAN / LIVE_STEP, LIVE_DEPTH);
  readonly trades: TradeMark[] = [];
  readonly bars: Bar[] = [];
  readonly figures = new Window(FIGURES, SAMPLES);
  readonly state = signal<BookState | null>(null);
  /** Grows when the bars change. */
  readonly barVersion = signal(0);

  private readonly ends: (() => void)[] = [];
  private readonly leaving = new AbortController();
  private touch: Touch | null = null;
  private flow = 0;
  private lag: number | null = null;
  private screen: number | null = null;
  /** What to add to the browser's clock to get the server's. */
  private ahead: number | null = null;

  constructor(
    readonly symbol: string,
    private readonly changed: () => void,
  ) {
    const symbols = [symbol];
    this.ends.push(
      subscribe({ channel: 'book', symbols, depth: LIVE_DEPTH, conflate_ms: 100 }, (message) => this.takeBook(message)),
      subscribe({ channel: 'trades', symbols }, (message) => this.takeTrades((message['trades'] ?? []) as Trade[])),
      subscribe({ channel: 'bars', symbols }, (message) => this.takeBars((message['bars'] ?? []) as Bar[])),
    );
    const recorder = setInterval(() => this.record(), LIVE_STEP);
    const sampler = setInterval(() => this.sample(), SAMPLE_EVERY);
    this.ends.push(() => clearInterval(recorder), () => clearInterval(sampler));
    void this.learnPast();
  }

  close(): void {
    this.leaving.abort();
    for (const end of this.ends) end();
  }

  /** The server's time now, as far as its messages tell. */
  get clock(): number {
    return Date.now() + (this.ahead ?? 0);
  }

  get moving(): boolean {
    return connection.value.phase === 'open' && this.book.state === 'live';
  }

  private takeBook(message: Message): void {
    const bids = (message['bids'] ?? []) as Level[];
    const asks = (message['asks'] ?? []) as Level[];
    if (message['type'] === 'snapshot') {
      this.book.replace(bids, asks);
      this.touch = null;
    } else this.book.change(bids, asks);
    this.book.state = (message['state'] as BookState | undefined) ?? 'live';
    this.book.updateId = Number(message['update_id'] ?? this.book.updateId);
    this.book.eventTime = (message['event_time'] as string | null | undefined) ?? this.book.eventTime;
    this.book.receiveTime = (message['receive_time'] as string | null | undefined) ?? this.book.receiveTime;
    this.state.value = this.book.state;
    this.measure(message);
    this.changed();
  }

  private measure(message: Message): void {
    const received = milliseconds(this.book.receiveTime);
    const lag = received - milliseconds(this.book.eventTime);
    if (Number.isFinite(lag)) this.lag = lag;
    const sent = milliseconds(message.time);
    if (Number.isFinite(sent)) {
      const ahead = sent - Date.now();
      this.ahead = this.ahead === null ? ahead : Math.max(ahead, this.ahead - 0.05);
    }
    if (Number.isFinite(received) && message['type'] !== 'snapshot') this.screen = Math.max(0, Date.now() + (this.ahead ?? 0) - received);
    const touch = touchOf(this.book);
    if (!touch) return;
    if (this.touch) this.flow += orderFlow(this.touch, touch);
    this.touch = touch;
  }

  private takeTrades(trades: readonly Trade[]): void {
    for (const trade of trades) add(this.trades, markOf(trade));
    if (this.trades.length > MOST_TRADES * 1.25) this.trades.splice(0, this.trades.length - MOST_TRADES);
    this.changed();
  }

  private takeBars(bars: readonly Bar[]): void {
    for (const bar of bars) {
      const at = milliseconds(bar.open_time);
      let place = this.bars.length;
      while (place > 0 && milliseconds((this.bars[place - 1] as Bar).open_time) >= at) place -= 1;
      const same = this.bars[place] && milliseconds((this.bars[place] as Bar).open_time) === at;
      this.bars.splice(place, same ? 1 : 0, bar);
    }
    if (this.bars.length > MOST_BARS) this.bars.splice(0, this.bars.length - MOST_BARS);
    this.barVersion.value += 1;
  }

  /** What a figure is now, as everything else says that shows this book; of the order flow, the last sample. */
  newest(figure: Figure): number | null {
    if (figure === 'lag') return this.lag;
    if (figure === 'screen') return this.screen;
    if (figure === 'flow') return this.figures.column('flow').at(-1) ?? null;
    return figuresOf(this.book)[figure];
  }

  private record(): void {
    if (!this.moving || !this.book.bids.length) return;
    this.depth.record(this.clock, this.book.bids, this.book.asks);
    this.changed();
  }

  private sample(): void {
    const { moving } = this;
    this.figures.push(this.clock / 1000, {
      ...figuresOf(moving ? this.book : null),
      flow: moving ? this.flow : null,
      lag: moving ? this.lag : null,
      screen: moving ? this.screen : null,
    });
    this.flow = 0;
  }

  private async learnPast(): Promise<void> {
    const signal = this.leaving.signal;
    await Promise.allSettled([
      api.bars(this.symbol, 120, undefined, signal).then(({ bars }) => this.takeBars(bars)),
      api.tradesBetween(this.symbol, Date.now() - LIVE_SPAN, Date.now(), signal, (page) => this.seedTrades(page)),
      api
        .replayRange(this.symbol, rfc3339(Date.now() - LIVE_SPAN), rfc3339(Date.now()), 1000, 50, signal)
        .then(({ frames }) => this.seedDepth(frames)),
    ]);
    this.changed();
  }

  private seedTrades(trades: readonly Trade[]): void {
    const first = this.trades[0]?.at ?? Number.POSITIVE_INFINITY;
    this.trades.unshift(...marksOf(trades).filter(({ at }) => at < first));
    this.changed();
  }

  private seedDepth(frames: readonly { at: string; bids: Level[]; asks: Level[] }[]): void {
    const book = new Book();
    const first = this.depth.first ?? Number.POSITIVE_INFINITY;
    const sampled = (this.figures.times[0] ?? Number.POSITIVE_INFINITY) * 1000;
    const samples: [number, Record<Figure, number | null>][] = [];
    frames.forEach((frame, index) => {
      const from = milliseconds(frame.at);
      const next = frames[index + 1];
      const until = Math.min(next ? milliseconds(next.at) : from + 1000, from + 2000);
      book.replace(frame.bids, frame.asks);
      for (let at = from; at < until && this.depth.stepOf(at) < first; at += LIVE_STEP) this.depth.record(at, book.bids, book.asks);
      if (from < sampled) samples.push([from / 1000, { ...figuresOf(book), flow: null, lag: null, screen: null }]);
    });
    this.figures.seed(samples);
  }
}

/** Trades as marks in the order of time. */
export function marksOf(trades: readonly Trade[]): TradeMark[] {
  const marks: TradeMark[] = [];
  for (const mark of trades.map(markOf).sort((one, other) => one.at - other.at)) add(marks, mark);
  return marks;
}

/** Trades of one side within half a second make one mark, at their mean price: a busy market has forty of them a second. */
function add(marks: TradeMark[], mark: TradeMark): void {
  const moment = (at: number) => Math.floor(at / MARK_EVERY);
  const same = marks.slice(-2).findLast((other) => other.sell === mark.sell && moment(other.at) === moment(mark.at));
  if (!same) {
    marks.push(mark);
    return;
  }
  const size = same.size + mark.size;
  if (size > 0) same.price = (same.price * same.size + mark.price * mark.size) / size;
  same.size = size;
}

function markOf(trade: Trade): TradeMark {
  return {
    at: milliseconds(trade.receive_time ?? trade.event_time),
    price: Number(trade.price),
    size: Number(trade.quantity),
    sell: trade.buyer_is_maker,
  };
}

export function touchOf(book: Book): Touch | null {
  const bid = book.bids[0];
  const ask = book.asks[0];
  return bid && ask ? { bid: bid.at, bidSize: bid.size, ask: ask.at, askSize: ask.size } : null;
}

/** Spread and microprice's distance from the mid in basis points, and imbalance; null where there is no book. */
export function figuresOf(book: Book | null): Record<'spread' | 'imbalance' | 'skew', number | null> {
  const touch = book && touchOf(book);
  if (!touch) return { spread: null, imbalance: null, skew: null };
  const { bid, bidSize, ask, askSize } = touch;
  const mid = (bid + ask) / 2;
  return {
    spread: ((ask - bid) / mid) * 1e4,
    imbalance: imbalanceOf(book, 5),
    skew: (((bid * askSize + ask * bidSize) / (bidSize + askSize) - mid) / mid) * 1e4,
  };
}

/** Bids less asks over the best `levels`, as a share of both. */
export function imbalanceOf(book: Book, levels: number): number | null {
  let bids = 0;
  let asks = 0;
  for (let index = 0; index < levels; index += 1) {
    bids += book.bids[index]?.size ?? 0;
    asks += book.asks[index]?.size ?? 0;
  }
  return bids + asks > 0 ? (bids - asks) / (bids + asks) : null;
}
