import { describe, expect, it } from 'vitest';
import type { Health, Level } from '../api/types';
import { Book } from './book';
import { DepthHistory } from './depth_history';
import { orderFlow } from './order_flow';
import { Series } from './series';
import type { Connection } from '../stream/connection';
import { judge, used, type Heard } from './verdict';
import { Window } from './window';
import { timeRange } from '../charts/time_range';
import { pause } from '../stream/backoff';

/** Numbers that look like chance and are the same each time. */
function chances(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

describe('a book', () => {
  it('equals a slow twin after any changes', () => {
    const chance = chances(1);
    const book = new Book();
    const twin = { bids: new Map<number, Level>(), asks: new Map<number, Level>() };
    for (let round = 0; round < 2000; round += 1) {
      const bids: Level[] = [];
      const asks: Level[] = [];
      for (const [levels, side, from] of [[bids, twin.bids, 50], [asks, twin.asks, 101]] as const) {
        for (let count = Math.floor(chance() * 4); count > 0; count -= 1) {
          const price = (from + Math.floor(chance() * 50)) / 100;
          const level: Level = [price.toFixed(2), chance() < 0.3 ? '0' : chance().toFixed(4)];
          levels.push(level);
          if (Number(level[1]) === 0) side.delete(price);
          else side.set(price, level);
        }
      }
      book.change(bids, asks);
      const sorted = (side: Map<number, Level>, way: number) => [...side].sort(([one], [other]) => (one - other) * way).map(([, level]) => level);
      expect(book.bids.map(({ price, quantity }) => [price, quantity])).toEqual(sorted(twin.bids, -1));
      expect(book.asks.map(({ price, quantity }) => [price, quantity])).toEqual(sorted(twin.asks, 1));
    }
  });
  it('begins anew with a snapshot, in any order and with empty levels', () => {
    const book = new Book();
    book.change([['9', '1']], [['12', '1']]);
    book.replace([['7', '1'], ['8', '2'], ['6', '0']], [['11', '1'], ['10', '3']]);
    expect(book.bids.map(({ at }) => at)).toEqual([8, 7]);
    expect(book.asks.map(({ at }) => at)).toEqual([10, 11]);
    expect(book.mid).toBe(9);
    book.clear();
    expect(book.mid).toBeNaN();
  });
});

describe('order-flow imbalance', () => {
  const before = { bid: 10, bidSize: 5, ask: 11, askSize: 7 };
  it('counts what is added and taken at the best prices', () => {
    expect(orderFlow(before, before)).toBe(0);
    expect(orderFlow(before, { ...before, bidSize: 8 })).toBe(3);
    expect(orderFlow(before, { ...before, askSize: 9 })).toBe(-2);
  });
  it('counts a whole queue when a price moves', () => {
    expect(orderFlow(before, { ...before, bid: 10.5, bidSize: 2 })).toBe(2);
    expect(orderFlow(before, { ...before, bid: 9, bidSize: 2 })).toBe(-5);
    expect(orderFlow(before, { ...before, ask: 12, askSize: 3 })).toBe(7);
    expect(orderFlow(before, { ...before, ask: 10.5, askSize: 3 })).toBe(-3);
  });
});

describe('histories', () => {
  it('keep a bound and their newest points', () => {
    const series = new Series(100);
    for (let at = 0; at < 10_000; at += 1) series.push(at, at * 2);
    expect(series.length).toBeLessThanOrEqual(100);
    expect(series.lastTime).toBe(9999);
    for (let index = 1; index < series.length; index += 1) expect(series.time(index)).toBeGreaterThan(series.time(index - 1));
    series.dropBefore(9990);
    expect(series.time(0)).toBeGreaterThanOrEqual(9990);
    expect(series.value(0)).toBe(series.time(0) * 2);
  });
  it('keep columns as long as their times', () => {
    const window = new Window(['a', 'b'], 40);
    for (let at = 0; at < 500; at += 1) window.push(at, { a: at, b: null });
    expect(window.times.length).toBeLessThanOrEqual(50);
    expect(window.column('a')).toEqual(window.times);
    expect(window.column('b').length).toBe(window.times.length);
  });
  it('take what was before, as far as there is room', () => {
    const window = new Window(['a'], 6);
    for (const at of [10, 11, 12]) window.push(at, { a: at });
    window.seed([1, 2, 3, 4, 5].map((at) => [at, { a: at }]));
    expect(window.times).toEqual([3, 4, 5, 10, 11, 12]);
    expect(window.column('a')).toEqual(window.times);
    window.seed([[0, { a: 0 }]]);
    expect(window.times.length).toBe(6);
  });
  it('of depth know their steps and forget the oldest', () => {
    const depth = new DepthHistory(250, 8, 2);
    const level = (at: number) => [{ at, size: 1 }, { at, size: 2 }, { at, size: 3 }];
    for (let step = 0; step < 20; step += 1) depth.record(step * 250, level(step), level(step + 1));
    expect(depth.at(19)?.prices[0]).toBe(19);
    expect(depth.at(19)?.bids).toBe(2);
    expect(depth.at(11)).toBeNull();
    expect(depth.first).toBe(12);
    const { revision } = depth;
    depth.record(15 * 250, level(99), level(100));
    expect(depth.at(15)?.prices[0]).toBe(99);
    expect(depth.revision).toBe(revision + 1);
    depth.record(0, level(1), level(2));
    expect(depth.at(0)).toBeNull();
  });
});

describe('the time axis of bars', () => {
  it('spans minutes, of one bar too', () => {
    expect(timeRange([6000])).toEqual([4455, 6045]);
    expect(timeRange([0, 60, 6000])).toEqual([-45, 6045]);
    expect(timeRange([])).toEqual([-1545, 45]);
  });
});

describe('pauses between attempts', () => {
  it('grow and stay below fifteen seconds', () => {
    expect(pause(0, 0)).toBe(500);
    expect(pause(1, 0)).toBe(1000);
    for (let attempt = 0; attempt < 60; attempt += 1) {
      expect(pause(attempt, 0)).toBeLessThanOrEqual(15_000);
      expect(pause(attempt, 0.999)).toBeGreaterThan(300);
    }
  });
});

describe('the verdict', () => {
  const health = (status: string, books: string[]): Health => ({
    status,
    service_levels: [
      { name: 'freshness', target: 1000, value: 14_000, unit: 'ms', status: status === 'ok' ? 'ok' : 'failing' },
      { name: 'gap_rate', target: 1, value: null, unit: 'per hour', status: 'ok' },
    ],
    symbols: books.map((state, index) => ({ symbol: `S${index}`, state, age_ms: 1, status: 'ok' })),
    lake: {},
    reasons: status === 'ok' ? [] : ['1 of 2 books are not fresh: S1 (stale)'],
  });
  const open: Connection = { phase: 'open', since: 0 };
  const heard = (connection: Connection, said: Health | null, now = 0): Heard => ({ connection, health: said, heardAt: 0, now });
  it('is worth no longer than the freshness that is promised', () => {
    const promised = (target: number) => {
      const said = health('ok', ['live']);
      return { ...said, service_levels: said.service_levels.map((level) => (level.name === 'freshness' ? { ...level, target } : level)) };
    };
    expect(judge(heard(open, promised(5000), 5000)).trust).toBe('good');
    const late = judge(heard(open, promised(5000), 5001));
    expect(late.trust).toBe('unknown');
    expect(late.sentence).toContain('Nothing heard from the server for 5.0 s');
    // One verdict a second may be missed, whatever is promised.
    expect(judge(heard(open, promised(100), 2500)).trust).toBe('good');
    expect(judge(heard(open, promised(100), 3001)).trust).toBe('unknown');
  });
  it('is what the server says, with its reasons', () => {
    expect(judge(heard(open, health('ok', ['live', 'live'])))).toMatchObject({ trust: 'good', reasons: [] });
    const care = judge(heard(open, health('degraded', ['live', 'stale'])));
    expect(care.trust).toBe('care');
    expect(care.sentence).toContain('1 of 2 books live');
    expect(care.reasons).toEqual(['1 of 2 books are not fresh: S1 (stale)']);
    expect(judge(heard(open, health('failing', []))).trust).toBe('bad');
  });
  it('tells how much of a promise is used up', () => {
    const level = (value: number | null, target: number | null) => used({ name: 'gap_rate', value, target, unit: '', status: 'ok' });
    expect([level(3, 6), level(12, 6), level(0, 6), level(null, 6), level(1, 0), level(1, null)]).toEqual([0.5, 1, 0, null, null, null]);
  });
  it('does not outlive the connection', () => {
    const lost = judge(heard({ phase: 'lost', since: 0, retryAt: 0, reason: 'why' }, health('ok', ['live']), 12_000));
    expect(lost.trust).toBe('unknown');
    expect(lost.sentence).toContain('12.0 s ago');
    expect(judge(heard({ phase: 'connecting' }, null)).trust).toBe('unknown');
  });
});
