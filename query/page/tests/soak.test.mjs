// A page left open for long, compressed: the browser's clock is turned, and a socket of its own tells what a server with
// fifty symbols would. Neither the heap nor the document may grow once the histories are full.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';
import { test } from 'node:test';
import { browser, pageOf } from './program.mjs';

const MINUTES = Number(process.env.DEPTHLAKE_SOAK_MINUTES ?? 4);
const BUILT = new URL('../dist/', import.meta.url).pathname;
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.woff2': 'font/woff2' };

/** The built page and nothing else: each question to the API is refused, and the page has to live with it. */
function files() {
  const server = createServer((request, response) => {
    const path = new URL(request.url, 'http://page').pathname;
    if (path.startsWith('/api/')) return response.writeHead(503).end();
    const name = extname(path) ? path : '/index.html';
    response.writeHead(200, { 'content-type': TYPES[extname(name)] ?? 'text/plain' }).end(readFileSync(join(BUILT, name)));
  });
  return new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(server)));
}

/** Runs in the page: takes the place of the WebSocket. Ten books and trades, and five lists of tickers a second. */
function fakeSocket() {
  let seed = 1;
  const chance = () => (seed = (seed * 1664525 + 1013904223) >>> 0) / 2 ** 32;
  const names = Array.from({ length: 50 }, (_, index) => `COIN${String(index).padStart(2, '0')}USDT`);
  const mids = names.map((_, index) => 10_000 + index * 100);
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
        setInterval(() => this.health(), 5000);
      });
    }
    send(text) {
      const { op, channel, symbols } = JSON.parse(text);
      if (op === 'subscribe') this.wishes.push({ channel, symbols, fresh: true });
      else this.wishes = this.wishes.filter((wish) => wish.channel !== channel || wish.symbols.join() !== symbols.join());
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
        const side = (way) => Array.from({ length: 100 }, (_, index) => [((mid + way * (index + 1)) / 100).toFixed(2), (chance() * 5).toFixed(3)]);
        if (wish.channel === 'book') this.tell({ channel: 'book', symbol, type: 'snapshot', update_id: window.told, event_time: now, receive_time: now, state: 'live', bids: side(-1), asks: side(1) });
        else this.tell({ channel: 'trades', symbol, trades: [{ trade_id: window.told, price: (mid / 100).toFixed(2), quantity: chance().toFixed(3), buyer_is_maker: chance() < 0.5, event_time: now, receive_time: now }] });
      }
    }
    health() {
      this.tell({ channel: 'health', health: { status: 'ok', service_levels: [], symbols: names.map((symbol) => ({ symbol, state: 'live', age_ms: 1, status: 'ok' })), lake: {} } });
    }
  };
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
      await devtools.send('HeapProfiler.collectGarbage');
      const { usedSize } = await devtools.send('Runtime.getHeapUsage');
      return { heap: usedSize, nodes: await page.evaluate(() => document.querySelectorAll('*').length) };
    };
    const pass = async (minutes) => {
      for (let step = 0; step < minutes * 6; step += 1) await page.clock.runFor(10_000);
    };
    // The longest histories, five minutes of depth, are full after this.
    await pass(6);
    const before = await measure();
    const told = await page.evaluate(() => window.told);
    await pass(MINUTES);
    const afterwards = await measure();
    const since = (await page.evaluate(() => window.told)) - told;
    console.log(`${path}: ${since} messages in ${MINUTES} minutes; heap ${before.heap} then ${afterwards.heap} bytes, ${before.nodes} then ${afterwards.nodes} elements`);
    assert.ok(since > MINUTES * 60 * 4, `${since} messages`);
    assert.ok(afterwards.heap < before.heap * 1.15 + 1_000_000, 'the heap grows');
    assert.ok(Math.abs(afterwards.nodes - before.nodes) < 200, 'the document grows');
    assert.deepEqual(complaints.filter((text) => !text.includes('Failed to load resource')), []);
    await opened.close();
    server.close();
  });
}
