/** All symbols, as the page knows them: one subscription feeds every row, and who shows a row is told what changed. */

import { signal } from '@preact/signals';
import * as api from '../api/client';
import type { Health, Instrument, Ticker } from '../api/types';
import { decimalsOf } from '../format/number';
import { milliseconds, rfc3339 } from '../format/time';
import { timeValue } from '../format/value';
import { subscribe } from '../stream/connection';
import { Series } from './series';

/** What one symbol shows. `heardAt` is this browser's clock when its last message came, `ageThen` its age at that moment. */
export interface Listing {
  symbol: string;
  instrument: Instrument | null;
  priceDecimals: number;
  ticker: Ticker | null;
  heardAt: number;
  ageThen: number | null;
  trail: Series;
}

const TRAIL_SPAN = 3_600_000;
const TRAIL_STEP = 2_000;
const MOST_BARS = 10_000;

/** Grows when symbols appear; the rows themselves are read from {@link listings}. */
export const symbolCount = signal(0);
/** Grows when more is known of the instruments. */
export const instrumentVersion = signal(0);
export const health = signal<Health | null>(null);
/** This browser's clock when the last word about health came. */
export const healthAt = signal(0);

const known = new Map<string, Listing>();
const watchers = new Set<(changed: ReadonlySet<string>) => void>();

export function listings(): Iterable<Listing> {
  return known.values();
}

export function listing(symbol: string): Listing | undefined {
  return known.get(symbol);
}

/** Calls back with the symbols that changed, after each message; the returned function ends it. */
export function watchMarket(watcher: (changed: ReadonlySet<string>) => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** Follows the stream for as long as the page lives. */
export function followMarket(): void {
  subscribe({ channel: 'tickers', symbols: ['*'], conflate_ms: 200 }, (message) => {
    take((message['tickers'] ?? []) as Partial<Ticker>[], milliseconds(message.time));
  });
  subscribe({ channel: 'health', symbols: ['*'] }, (message) => {
    health.value = message['health'] as Health;
    healthAt.value = Date.now();
  });
  learnAgain();
}

/** Asks for what the stream does not tell: when the page begins, and when somebody has logged in. */
export function learnAgain(): void {
  void learnInstruments();
  // Without a lake the lines begin now.
  learnTrails().catch(() => undefined);
}

/** How old the newest figure of a symbol is: its age when the server sent it, and the time since. */
export function ageOf(row: Listing, now: number): number | null {
  return row.ageThen === null ? null : row.ageThen + Math.max(0, now - row.heardAt);
}

/** Price of the last mid, or of the last trade where there is no book. */
export function midOf(ticker: Ticker): number {
  return Number(ticker.mid ?? ticker.last_price ?? Number.NaN);
}

/** In percent: over 24 hours when the venue says so, otherwise since the trail begins. */
export function changeOf(row: Listing): { percent: number; overMs: number } | null {
  const day = row.ticker?.change_24h;
  if (day !== null && day !== undefined) return { percent: day * 100, overMs: 86_400_000 };
  const trail = row.trail;
  if (trail.length < 2) return null;
  return { percent: (trail.last / trail.value(0) - 1) * 100, overMs: trail.lastTime - trail.time(0) };
}

/** Which way a change in percent went, as far as its two digits show. */
export function direction(percent: number): '' | 'up' | 'down' {
  if (Math.abs(percent) < 0.005) return '';
  return percent > 0 ? 'up' : 'down';
}

/** `sentAt` is the server's clock: by it a book's age is told even where the browser's is wrong. */
function take(tickers: readonly Partial<Ticker>[], sentAt: number): void {
  const now = Date.now();
  const changed = new Set<string>();
  for (const ticker of tickers) {
    if (!ticker.symbol) continue;
    const row = rowOf(ticker.symbol);
    row.ticker = row.ticker ? Object.assign(row.ticker, ticker) : (ticker as Ticker);
    row.heardAt = now;
    const age = sentAt - milliseconds(row.ticker.receive_time);
    row.ageThen = Number.isFinite(age) ? Math.max(0, age) : null;
    const mid = midOf(row.ticker);
    if (mid > 0 && !(now - row.trail.lastTime < TRAIL_STEP)) {
      row.trail.push(now, mid);
      row.trail.dropBefore(now - TRAIL_SPAN);
    }
    changed.add(ticker.symbol);
  }
  symbolCount.value = known.size;
  for (const watcher of watchers) watcher(changed);
}

function rowOf(symbol: string): Listing {
  let row = known.get(symbol);
  if (!row) {
    row = { symbol, instrument: null, priceDecimals: 2, ticker: null, heardAt: 0, ageThen: null, trail: new Series(240) };
    known.set(symbol, row);
  }
  return row;
}

async function learnInstruments(): Promise<void> {
  try {
    const { symbols } = await api.symbols();
    for (const instrument of symbols) {
      const row = rowOf(instrument.symbol);
      row.instrument = instrument;
      row.priceDecimals = decimalsOf(instrument.tick_size);
    }
    symbolCount.value = known.size;
    instrumentVersion.value += 1;
    // The venue tells of its instruments a while after the books begin.
    if (!symbols.length || symbols.some(({ quote }) => !quote)) setTimeout(() => void learnInstruments(), 5000);
  } catch {
    // The stream's banner tells of a server that is away; ask again when it may be back.
    setTimeout(() => void learnInstruments(), 5000);
  }
}

/** What the lines of all symbols were in the last hour, from the bars of the lake. */
async function learnTrails(): Promise<void> {
  const since = Date.now() - TRAIL_SPAN;
  const question = `SELECT symbol, open_time, close FROM normalized.ohlcv_1m
    WHERE is_current AND open_time > TIMESTAMP '${rfc3339(since).slice(0, 19).replace('T', ' ')} UTC' ORDER BY open_time`;
  const { rows } = await api.sql(question, MOST_BARS);
  const closes = new Map<string, { at: number; close: number }[]>();
  for (const [symbol, opened, close] of rows) {
    const name = String(symbol);
    const past = closes.get(name) ?? [];
    past.push({ at: timeValue(opened ?? null) + 60_000, close: Number(close) });
    closes.set(name, past);
  }
  for (const [symbol, past] of closes) seed(rowOf(symbol).trail, past, since);
  for (const watcher of watchers) watcher(new Set(closes.keys()));
}

function seed(trail: Series, past: readonly { at: number; close: number }[], since: number): void {
  const until = trail.length ? trail.time(0) : Number.POSITIVE_INFINITY;
  const before = past.filter(({ at, close }) => at >= since && at < until && close > 0);
  const live = Array.from({ length: trail.length }, (_, index) => ({ at: trail.time(index), close: trail.value(index) }));
  trail.clear();
  for (const { at, close } of [...before, ...live]) trail.push(at, close);
}
