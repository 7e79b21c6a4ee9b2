// Where users are configured, the page asks who is looking, keeps it for its tab, and forgets it when told to.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { browser, pageOf, Program, until } from './program.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
// The password is "sesame", the token "a-token-of-a-robot".
const USERS = `[serve.users.ana]
password = '$2b$04$abcdefghijklmnopqrstuuinwY/tkBVrn3xrxQI/TgnMHhkvl85RW'
[serve.users.robot]
tokens = ['2dd1ad6bf57511d5d803c50a823ba8bde4704fd63b17dcc8adb7b18506ba258e']
`;
const program = new Program({ configuration: USERS, authorization: `Basic ${btoa('ana:sesame')}` });
let opened;

before(async () => {
  [opened] = await Promise.all([browser(), program.start()]);
});

after(async () => {
  await opened?.close();
  await program.remove();
});

async function logIn(page, user, secret) {
  await page.fill('.login [name=user]', user);
  await page.fill('.login [name=secret]', secret);
  await page.keyboard.press('Enter');
}

const isLive = (page) => page.waitForFunction(() => {
  const prices = [...document.querySelectorAll('.market .whole')];
  return prices.length > 0 && prices.every((cell) => /\d/.test(cell.textContent));
});

test('nobody sees anything before logging in, and everything after it', async () => {
  const { page, context, complaints } = await pageOf(opened);
  const addresses = [];
  page.on('websocket', (socket) => addresses.push(socket.url()));
  await page.goto(`${program.address}/symbol/ETHUSDT`);
  await page.waitForSelector('.login');
  assert.equal(await page.locator('.ladder, .market, .banner').count(), 0);
  assert.equal(addresses.length, 0, 'no stream is tried');
  await logIn(page, 'ana', 'open');
  await page.waitForFunction(() => /do not fit/.test(document.querySelector('.login [role=alert]').textContent));
  await logIn(page, 'ana', 'sesame');
  await page.waitForFunction(() => document.querySelectorAll('.ladder .bid th:not(:empty)').length >= 10);
  assert.ok(addresses.every((address) => !address.includes('sesame')), `${addresses}`);
  await page.goto(`${program.address}/sql`);
  const editor = page.locator('.cm-content');
  await editor.click();
  await page.keyboard.press('Control+Enter');
  await page.waitForFunction(() => document.querySelector('.data table, .notice') && !document.querySelector('.login'));
  assert.deepEqual(complaints.filter((text) => !/status of 401/.test(text)), []);

  // Another tab is somebody else; the same tab, loaded again, is not.
  const other = await context.newPage();
  await other.goto(program.address);
  await other.waitForSelector('.login');
  await page.goto(program.address);
  await isLive(page);

  await page.click('.leave');
  await page.waitForSelector('.login');
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  await page.reload();
  await page.waitForSelector('.login');
  await context.close();
});

test('a token without a user is as good, and lasts over a restart', async () => {
  const { page, context } = await pageOf(opened);
  await page.goto(program.address);
  await page.waitForSelector('.login');
  await logIn(page, '', 'no-token');
  await page.waitForFunction(() => /not known/.test(document.querySelector('.login [role=alert]').textContent));
  await logIn(page, '', 'a-token-of-a-robot');
  await isLive(page);
  assert.match(await page.textContent('.leave'), /robot/);
  await program.stop();
  await page.waitForSelector('.banner');
  await program.start();
  await page.waitForSelector('.banner', { state: 'detached' });
  const shown = () => page.textContent('.market tbody');
  const first = await shown();
  await until('figures move again', async () => (await shown()) !== first);
  // Ages are told again too.
  await page.waitForFunction(() => [...document.querySelectorAll('.market .col-age')].slice(1).every((cell) => /\d/.test(cell.textContent)));
  await context.close();
});

test('the login is accessible in both themes', async () => {
  for (const colorScheme of ['dark', 'light']) {
    for (const viewport of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
      const { page, context } = await pageOf(opened, { colorScheme, viewport, bypassCSP: true });
      await page.goto(program.address);
      await page.waitForSelector('.login');
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);
      await context.close();
    }
  }
});
