// Every view in a real browser, with the running program behind it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { browser, pageOf, Program, until } from './program.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const program = new Program();
let opened;

before(async () => {
  [opened] = await Promise.all([browser(), program.start()]);
  await until('the lake has rows', async () => (await program.sql('SELECT count(*) FROM normalized.book_ticker')).rows?.[0]?.[0] > 0);
});

after(async () => {
  await opened?.close();
  await program.remove();
});

async function view(path, options) {
  const made = await pageOf(opened, options);
  await made.page.goto(program.address + path);
  return made;
}

const number = (text) => Number(text.replaceAll(',', '').replace('−', '-'));

/** A past that the lake does not have yet is refused, and a browser notes each refusal. */
const withoutRefusals = (complaints) => complaints.filter((text) => !/Failed to load resource.* status of 4\d\d/.test(text));

test('the overview tells first whether the data can be trusted, then shows every symbol', async () => {
  const { page, context, complaints } = await view('/');
  const { symbols } = await program.ask('symbols');
  await page.waitForFunction((count) => document.querySelectorAll('.market tbody tr').length === count, symbols.length);
  await page.waitForFunction(() => [...document.querySelectorAll('.market .whole')].every((cell) => /\d/.test(cell.textContent)));
  const health = await until('page and API agree', async () => {
    const said = await program.ask('health');
    const sentence = await page.textContent('.trust-sentence');
    const words = { ok: 'can be trusted', degraded: 'with care', failing: 'Do not trust' };
    return sentence.includes(words[said.status]) && said;
  });
  assert.equal(await page.locator('.levels > div').count(), health.service_levels.length);

  const shown = page.locator('.market tbody tr:first-child th');
  await page.click('.market th.col-symbol button');
  assert.equal(await shown.textContent(), symbols.map(({ symbol }) => symbol).sort().at(-1));
  await page.keyboard.press('Escape');
  await page.keyboard.press('/');
  await page.keyboard.type('btcusdt');
  await page.waitForFunction(() => document.querySelectorAll('.market tbody tr').length === 1);
  const before = await page.textContent('.market .col-rate + .col-age');
  await page.waitForFunction((age) => document.querySelector('.market tbody .col-age').textContent !== age, before);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/symbol/BTCUSDT');
  assert.deepEqual(complaints, []);
  await context.close();
});

/** The best bid after each update that a page is told of, in the order of its stream. */
function bestBids(page, symbol) {
  const best = new Map();
  let bids = new Map();
  page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => {
    const message = JSON.parse(payload);
    if (message.channel !== 'book' || message.symbol !== symbol) return;
    if (message.type === 'snapshot') bids = new Map();
    for (const [price, quantity] of message.bids) {
      if (Number(quantity) > 0) bids.set(Number(price), Number(quantity));
      else bids.delete(Number(price));
    }
    const price = Math.max(...bids.keys());
    best.set(message.update_id, [price, bids.get(price)]);
  }));
  return best;
}

test('the symbol view shows the book that the program has', async () => {
  const { page, context, complaints } = await pageOf(opened);
  const told = bestBids(page, 'ETHUSDT');
  await page.goto(`${program.address}/symbol/ETHUSDT`);
  await page.waitForFunction(() => document.querySelectorAll('.ladder .bid th:not(:empty)').length >= 10);
  const { bids, asks } = await page.evaluate(() => ({
    bids: [...document.querySelectorAll('.ladder .bid th')].map((cell) => cell.textContent).filter(Boolean),
    asks: [...document.querySelectorAll('.ladder .ask th')].map((cell) => cell.textContent).filter(Boolean),
  }));
  const falls = (list) => list.every((text, index) => index === 0 || number(text) < number(list[index - 1]));
  assert.ok(falls(asks) && falls(bids) && number(asks.at(-1)) > number(bids[0]), `${asks} / ${bids}`);

  // What is shown of an update is what the stream told of it.
  const shown = await page.evaluate(() => {
    const fact = [...document.querySelectorAll('.facts > div')].find(({ firstChild }) => firstChild.textContent === 'Update');
    const row = document.querySelector('.ladder .bid');
    return { update: Number(fact.lastChild.textContent), price: row.querySelector('th').textContent, quantity: row.children[1].textContent };
  });
  assert.ok(told.has(shown.update), `update ${shown.update} was told`);
  assert.deepEqual([number(shown.price), number(shown.quantity)], told.get(shown.update));

  // The heat map has colours, the bars and figures have lines.
  const painted = (selector, least) => page.waitForFunction(([which, wanted]) => {
    const canvas = document.querySelector(which);
    const pixels = canvas?.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    for (let at = 0; pixels && at < pixels.length; at += 4) if (pixels[at + 3] > 200) colours.add((pixels[at] << 16) | (pixels[at + 1] << 8) | pixels[at + 2]);
    return colours.size > wanted;
  }, [selector, least]);
  await painted('.canvas-box canvas', 12);
  await painted('.bars canvas', 2);
  await page.waitForFunction(() => [...document.querySelectorAll('.figure strong')].every((figure) => /\d/.test(figure.textContent)));
  await page.keyboard.press(']');
  await page.waitForFunction(() => !location.pathname.endsWith('ETHUSDT'));
  assert.deepEqual(withoutRefusals(complaints), []);
  await context.close();
});

test('the slider goes back in time, and live again', async () => {
  const { page, context, complaints } = await view('/symbol/BTCUSDT');
  const slider = page.locator('.slider input[type=range]');
  await until('there is a past', () => slider.isEnabled());
  await slider.focus();
  await page.keyboard.press('ArrowLeft');
  await page.waitForSelector('.badge-past');
  await until('the book of then is shown', async () => {
    if (await page.locator('.ladder .bid th:not(:empty)').count() > 0) return true;
    await page.keyboard.press('Shift+ArrowLeft');
    return false;
  });
  await page.keyboard.press('Tab');
  await page.click('.slider .live');
  await page.waitForSelector('.badge-past', { state: 'detached' });
  const moment = page.locator('.slider .moment input');
  await moment.fill('1999-01-01 00:00:00');
  await moment.press('Enter');
  await page.waitForFunction(() => /Nothing is known of BTCUSDT at 1999-01-01/.test(document.querySelector('.slider .said').textContent));
  await moment.fill('yesterday');
  await moment.press('Enter');
  await page.waitForFunction(() => /“yesterday” is no time/.test(document.querySelector('.slider .said').textContent));
  // What is said of a second time is said of that one, and no other book stands beside it.
  await moment.fill('2090-01-01 00:00:00');
  await moment.press('Enter');
  await page.waitForFunction(() => /Nothing is known of BTCUSDT at 2090-01-01/.test(document.querySelector('.slider .said').textContent));
  assert.equal(await page.locator('.ladder .bid th:not(:empty)').count(), 0);
  await moment.fill('tomorrow');
  await moment.press('Enter');
  await page.waitForFunction(() => /“tomorrow” is no time/.test(document.querySelector('.slider .said').textContent));
  assert.deepEqual(withoutRefusals(complaints), []);
  await context.close();
});

test('the past has its trades and bars', async () => {
  const { page, context } = await pageOf(opened);
  const asked = [];
  page.on('response', (answer) => asked.push(answer.url()));
  await page.goto(`${program.address}/symbol/BTCUSDT`);
  const slider = page.locator('.slider input[type=range]');
  await until('there is a past', () => slider.isEnabled());
  await slider.focus();
  await page.keyboard.press('Shift+ArrowLeft');
  await page.waitForSelector('.badge-past');
  for (const what of ['trades', 'bars']) await until(`${what} of then are read`, () => asked.some((url) => url.includes(`/${what}/BTCUSDT`) && url.includes('before=')));
  await context.close();
});

test('the lake view shows what is in the lake', async () => {
  const { page, context, complaints } = await view('/lake');
  await page.waitForSelector('.tables tbody tr');
  const { tables } = await program.ask('lake');
  assert.equal(await page.locator('.tables tbody tr').count(), tables.length);
  await page.waitForFunction(() => Number(document.querySelector('.summary dd').textContent.replaceAll(',', '')) > 0);
  await page.click('.tables button:has-text("orderbook_diffs")');
  await page.waitForSelector('[aria-label="Latest rows of raw.orderbook_diffs"] tbody tr');
  await page.waitForSelector('.volume rect');
  // What the jobs did, in figures: care comes round every five seconds here, a comparison every hour.
  const jobs = () => page.textContent('[aria-label="Jobs"] tbody');
  const done = async (name) => (await program.ask('lake')).jobs.find((job) => job.name === name);
  await until('the sink has committed', async () => (await done('sink')).done.rows > 0);
  await until('the tables were cared for', async () => (await done('maintenance')).outcome === 'done');
  await until('both are told', async () => /sink.*since the start [\d,.]+ .*rows/s.test(await jobs()) && /maintenance.*since the start/s.test(await jobs()));
  if ((await done('reconciliation')).outcome === 'never') await page.waitForFunction(() => /nothing was compared yet/.test(document.querySelector('[aria-label="Reconciliation breaks"]').textContent));
  assert.deepEqual(complaints, []);
  await context.close();
});

test('HTML in a payload is shown, and does nothing', async () => {
  const { page, context, complaints } = await pageOf(opened);
  const html = '<img src=x onerror="window.harm=1"><script>window.harm=1</script>';
  await page.route('**/api/v1/dead-letters*', (route) => route.fulfill({
    json: { dead_letters: [{ time: '2026-11-21T10:00:00Z', topic: 'market.raw.trade', partition: 0, offset: 1, symbol: html, reason: 'malformed', detail: html, payload: html, payload_bytes: html.length }] },
  }));
  await page.goto(`${program.address}/lake`);
  await page.click('.letters summary');
  assert.equal(await page.textContent('.letters pre'), html);
  await page.goto(`${program.address}/sql`);
  await run(page, `SELECT '${html}' AS harm`);
  await page.waitForSelector('.data tbody td');
  assert.equal(await page.textContent('.data tbody td'), html);
  assert.equal(await page.evaluate(() => window.harm), undefined);
  assert.deepEqual(complaints, []);
  await context.close();
});

async function run(page, statement) {
  const editor = page.locator('.cm-content');
  await editor.click();
  await page.keyboard.press('Control+a');
  await page.keyboard.press('Delete');
  await page.keyboard.insertText(statement);
  await page.keyboard.press('Control+Enter');
}

test('the SQL box answers, draws, gives away, and says what is wrong', async () => {
  const { page, context, complaints } = await view('/sql');
  await run(page, 'SELECT symbol, count(*) AS n FROM normalized.book_ticker GROUP BY symbol ORDER BY symbol');
  await page.waitForSelector('.data tbody tr');
  const { symbols } = await program.ask('symbols');
  assert.equal(await page.getAttribute('.data table', 'aria-rowcount'), String(symbols.length + 1));
  await page.click('button:has-text("Chart")');
  await page.waitForSelector('.answer-plot canvas');
  const [saved] = await Promise.all([page.waitForEvent('download'), page.click('button:has-text("csv")')]);
  await page.click('button:has-text("Table")');
  const lines = readFileSync(await saved.path(), 'utf8').trim().split('\n');
  assert.equal(lines.length, symbols.length + 1);
  await run(page, 'SELECT nothing FROM normalized.book_ticker');
  await page.waitForFunction(() => /nothing/.test(document.querySelector('[role=alert]')?.textContent ?? ''));
  await run(page, 'SELECT y FROM UNNEST(sequence(1, 3000)) AS b(y)');
  await page.waitForFunction(() => document.querySelector('.data table')?.getAttribute('aria-rowcount') === '3001');
  assert.ok((await page.locator('.data tbody tr').count()) < 100, 'only the rows in sight are in the document');

  await page.locator('.cm-content').click();
  await page.keyboard.press('Control+a');
  await page.keyboard.type('SELECT * FROM normalized.book_t');
  await page.waitForSelector('.cm-tooltip-autocomplete li');
  assert.match(await page.textContent('.cm-tooltip-autocomplete li'), /book_ticker/);
  // Chromium itself tries a style where somebody types over what is selected; the policy refuses it, and the editor draws its own.
  assert.deepEqual(withoutRefusals(complaints).filter((text) => !text.startsWith('Applying inline style')), []);
  await context.close();
});

test('how soon something is painted', async (told) => {
  const paints = [];
  for (let round = 0; round < 7; round += 1) {
    const { page, context } = await view('/');
    const entry = await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime);
    paints.push(await entry.jsonValue());
    await context.close();
  }
  paints.sort((one, other) => one - other);
  told.diagnostic(`first contentful paint, nothing cached: median ${paints[3].toFixed(0)} ms, at most ${paints[6].toFixed(0)} ms`);
});

test('what does not exist is said plainly', async () => {
  const { page, context } = await view('/symbol/NOPE');
  await page.waitForFunction(() => /There is no symbol “NOPE”/.test(document.body.textContent));
  await page.goto(`${program.address}/`);
  await page.fill('input[type=search]', 'zzz');
  await page.waitForFunction(() => /No symbol has “zzz”/.test(document.body.textContent));
  const lost = await page.goto(`${program.address}/nowhere/at/all`);
  assert.equal(lost.status(), 404);
  await page.waitForFunction(() => /There is no view at \/nowhere\/at\/all/.test(document.body.textContent));
  await context.close();
});

for (const colorScheme of ['dark', 'light']) {
  test(`every view is accessible, ${colorScheme}, on a desk and on a phone`, async () => {
    for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
      for (const [path, ready] of [['/', '.market tbody tr'], ['/symbol/BTCUSDT', '.ladder .bid th:not(:empty)'], ['/lake', '.tables tbody tr'], ['/sql', '.cm-content']]) {
        const { page, context } = await view(path, { colorScheme, viewport, bypassCSP: true });
        await page.waitForSelector(ready);
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
        const told = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html} ${failureSummary}`).join(' | ')}`);
        assert.deepEqual(told, [], `${path} ${colorScheme} ${viewport.width}`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(overflow <= 0, `${path} at ${viewport.width} is ${overflow} pixels too wide`);
        await context.close();
      }
    }
  });
}

test('a page left open over a restart says so and recovers by itself', async () => {
  const { page, context } = await view('/');
  await page.waitForFunction(() => [...document.querySelectorAll('.market .whole')].some((cell) => /\d/.test(cell.textContent)));
  await program.stop();
  await page.waitForSelector('.banner');
  assert.match(await page.textContent('.trust-sentence'), /Connection lost/);
  assert.match(await page.textContent('.pill'), /Unknown/);
  await program.start();
  await page.waitForSelector('.banner', { state: 'detached' });
  const update = () => page.evaluate(() => document.querySelector('.market tbody').textContent);
  const first = await update();
  await until('figures move again', async () => (await update()) !== first);
  await context.close();
});
