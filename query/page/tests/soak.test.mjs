// A page left open for an hour, compressed: the browser's clock is turned, and a socket of its own tells what a server with
// fifty symbols would. Neither memory nor the document may grow once the histories are full.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { test } from 'node:test';
import { browser, pageOf } from './program.mjs';

const MINUTES = Number(process.env.DEPTHLAKE_SOAK_MINUTES ?? 60);
/** The longest histories, the lines of the overview, are full after eight minutes. */
const FILLING_MINUTES = 10;
const MEASUREMENTS = 12;
/** Histories are cut a quarter at a time and compiled code comes and goes, so that memory is never quite the same. */
const MOST_GROWTH = 500_000;
const BUILT = new URL('../dist/', import.meta.url).pathname;
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

const INSTRUMENTS = Array.from({ length: 50 }, (_, index) => ({
  symbol: `COIN${String(index).padStart(2, '0')}USDT`, venue: 'sim', base: `COIN${String(index).padStart(2, '0')}`, quote: 'USDT', tick_size: '0.01', step_size: '0.001', state: 'live',
}));

/** The built page and its instruments, and nothing else: each other question to the API is refused, and the page lives with it. */
function files() {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://page').pathname;
    if (path === '/api/v1/symbols') return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ symbols: INSTRUMENTS }));
    if (path === '/api/v1/stream/ticket') return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ticket: 'one', user: 'anonymous', asks_for_login: false }));
    if (path.startsWith('/api/')) return response.writeHead(404).end();
    const name = extname(path) ? path : '/index.html';
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'text/plain' }).end(readFileSync(join(BUILT, name)));
  });
  return new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(server)));
}

/** Runs in the page: takes the place of the WebSocket. Ten changes of the book, ten trades and five lists of tickers a second. */
function fakeSocket() {
  const MINUTE = 60_000;
  let seed = 1;
  const chance = () => (seed = (seed * 1664525 + 1013904223) >>> 0) / 2 ** 32;
  const names = Array.from({ length: 50 }, (_, index) => `COIN${String(index).padStart(2, '0')}USDT`);
  const mids = names.map((_, index) => 10_000 + index * 100);
  const prices = (mid, way) => Array.from({ length: 100 }, (_, index) => ((mid + way * (index + 1)) / 100).toFixed(2));
  const quantified = (price) => [price, (chance() * 5 + 0.001).toFixed(3)];
  /** What makes one side of a book another: levels that left, that came, and a few with another quantity. */
  const changes = (before, after) => [
    ...before.filter((price) => !after.includes(price)).map((price) => [price, '0']),
    ...after.filter((price) => !before.includes(price) || chance() < 0.1).map(quantified),
  ];
  window.told = 0;
  window.WebSocket = class {
    static OPEN = 1;
    readyState = 0;
    wishes = [];
    constructor() {
      setTimeout(() => {
        this.readyState = 1;
        this.onopen?.();
        setInterval(() => this.tickers(), 200);
        setInterval(() => this.books(), 100);
        setInterval(() => this.bars(1), 1000);
        setInterval(() => this.health(), 5000);
      });
    }
    send(text) {
      const { op, channel, symbols } = JSON.parse(text);
      if (op === 'subscribe') {
        this.wishes.push({ channel, symbols, shown: null });
        if (channel === 'bars') setTimeout(() => this.bars(180));
      } else this.wishes = this.wishes.filter((wish) => wish.channel !== channel || wish.symbols.join() !== symbols.join());
    }
    close() {}
    tell(message) {
      window.told += 1;
      this.onmessage?.({ data: JSON.stringify({ seq: window.told, time: new Date().toISOString(), ...message }) });
    }
    tickers() {
      const now = new Date().toISOString();
      this.tell({
        channel: 'tickers',
        tickers: names.map((symbol, index) => {
          mids[index] += Math.round((chance() - 0.5) * 4);
          const mid = mids[index] / 100;
          return { symbol, bid: (mid - 0.01).toFixed(2), bid_quantity: '1.5', ask: (mid + 0.01).toFixed(2), ask_quantity: '2.5', mid, spread_bps: chance(), imbalance: chance() - 0.5, microprice: mid, update_id: window.told, event_time: now, receive_time: now, age_ms: chance() * 50, state: 'live', updates_per_second: 10 * chance(), last_price: mid.toFixed(2), change_24h: chance() / 50 };
        }),
      });
    }
    books() {
      const now = new Date().toISOString();
      for (const wish of this.wishes) {
        if (wish.channel !== 'book' && wish.channel !== 'trades') continue;
        const symbol = wish.symbols[0];
        const mid = mids[names.indexOf(symbol)] ?? 10_000;
        if (wish.channel === 'book') {
          const sides = [prices(mid, -1), prices(mid, 1)];
          const [bids, asks] = sides.map((side, index) => (wish.shown ? changes(wish.shown[index], side) : side.map(quantified)));
          this.tell({ channel: 'book', symbol, type: wish.shown ? 'update' : 'snapshot', update_id: window.told, event_time: now, receive_time: now, state: 'live', bids, asks });
          wish.shown = sides;
        } else this.tell({ channel: 'trades', symbol, trades: [{ trade_id: window.told, price: (mid / 100).toFixed(2), quantity: chance().toFixed(3), buyer_is_maker: chance() < 0.5, event_time: now, receive_time: now }] });
      }
    }
    /** The last minutes, the running one among them. */
    bars(count) {
      const minute = Math.floor(Date.now() / MINUTE) * MINUTE;
      const bar = (back) => {
        const price = (100 + chance()).toFixed(2);
        return { open_time: new Date(minute - back * MINUTE).toISOString(), open: price, high: price, low: price, close: price, volume: chance().toFixed(3), vwap: price, trades: 5, is_final: back > 0 };
      };
      const bars = Array.from({ length: count }, (_, index) => bar(count - 1 - index));
      for (const { symbols } of this.wishes.filter(({ channel }) => channel === 'bars')) this.tell({ channel: 'bars', symbol: symbols[0], bars });
    }
    health() {
      this.tell({ channel: 'health', health: { status: 'ok', service_levels: [], symbols: names.map((symbol) => ({ symbol, state: 'live', age_ms: 1, status: 'ok' })), lake: {} } });
    }
  };
}

/** By how much the least of the last third is above the least of the first: what is not collected yet only adds. */
function growth(figures) {
  const third = Math.floor(figures.length / 3);
  return Math.min(...figures.slice(-third)) - Math.min(...figures.slice(0, third));
}

for (const path of ['/', '/symbol/COIN07USDT']) {
  test(`memory stays where it is at ${path}`, async () => {
    const [server, opened] = await Promise.all([files(), browser()]);
    const { page, context, complaints } = await pageOf(opened, { viewport: { width: 900, height: 600 } });
    await page.clock.install();
    await page.addInitScript(fakeSocket);
    await page.goto(`http://127.0.0.1:${server.address().port}${path}`);
    const devtools = await context.newCDPSession(page);
    const measure = async () => {
      // What a first round sets free may be all that holds something else.
      for (let round = 0; round < 3; round += 1) await devtools.send('HeapProfiler.collectGarbage');
      // Typed arrays and what the browser keeps for the page are beside the heap; elements that left the document still count.
      const { usedSize, embedderHeapUsedSize, backingStorageSize } = await devtools.send('Runtime.getHeapUsage');
      const { nodes, jsEventListeners } = await devtools.send('Memory.getDOMCounters');
      return { bytes: usedSize + embedderHeapUsedSize + backingStorageSize, nodes, listeners: jsEventListeners };
    };
    const pass = async (minutes) => {
      for (let step = 0; step < minutes * 6; step += 1) await page.clock.runFor(10_000);
    };
    await pass(FILLING_MINUTES);
    const told = await page.evaluate(() => window.told);
    const measured = [await measure()];
    for (let count = 0; count < MEASUREMENTS; count += 1) {
      await pass(MINUTES / MEASUREMENTS);
      measured.push(await measure());
    }
    const since = (await page.evaluate(() => window.told)) - told;
    console.log(`${path}: ${since} messages in ${MINUTES} minutes`);
    for (const name of ['bytes', 'nodes', 'listeners']) console.log(`${name}: ${measured.map((one) => one[name]).join(' ')}`);
    assert.ok(since > MINUTES * 60 * 4, `${since} messages`);
    assert.ok(growth(measured.map(({ bytes }) => bytes)) < MOST_GROWTH, 'memory grows');
    assert.ok(growth(measured.map(({ nodes }) => nodes)) < 50, 'the document grows');
    assert.ok(growth(measured.map(({ listeners }) => listeners)) < 10, 'listeners are added');
    assert.deepEqual(complaints.filter((text) => !text.includes('Failed to load resource')), []);
    await opened.close();
    server.close();
  });
}
