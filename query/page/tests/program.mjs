// Starts and stops the program with its simulated venue, and a browser to look at it.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const PATIENCE = 240_000;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return port;
}

/** Waits for something to become true, however busy the machine. */
export async function until(what, check, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  while (Date.now() < end) {
    try {
      const found = await check();
      if (found) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((pass) => setTimeout(pass, 200));
  }
  throw new Error(`waited in vain until ${what}${last ? `: ${last.message}` : ''}`);
}

export class Program {
  /** `configuration` is added to its `depthlake.toml`; `authorization` is what this process itself shows. */
  constructor({ configuration = '', authorization } = {}) {
    this.headers = authorization ? { authorization } : {};
    this.data = mkdtempSync(join(tmpdir(), 'depthlake-page-'));
    this.process = null;
    this.said = '';
    // The program reads it where it is started; what comes round each minute comes sooner.
    writeFileSync(join(this.data, 'depthlake.toml'), `[lake]\nmaintenance_seconds = 5.0\n${configuration}`);
  }

  async start() {
    this.port ??= await freePort();
    this.address = `http://127.0.0.1:${this.port}`;
    const running = spawn(process.env.DEPTHLAKE_PROGRAM, ['run', '--data', this.data, '--listen', `127.0.0.1:${this.port}`], {
      cwd: this.data,
      env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DEPTHLAKE_'))),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const keep = (text) => (this.said = (this.said + text).slice(-4000));
    running.stdout.on('data', keep);
    running.stderr.on('data', keep);
    this.process = running;
    try {
      await until('the books are live', async () => {
        if (running.exitCode !== null) throw new Error(`the program ended: ${this.said}`);
        const { tickers } = await this.ask('tickers');
        return tickers.length > 0 && tickers.every(({ state }) => state === 'live');
      });
    } catch (error) {
      throw new Error(`${error.message}\n${this.said}`);
    }
  }

  async stop() {
    const running = this.process;
    this.process = null;
    if (!running || running.exitCode !== null) return;
    const ended = new Promise((end) => running.once('exit', end));
    running.kill('SIGINT');
    const hard = setTimeout(() => running.kill('SIGKILL'), 30_000);
    await ended;
    clearTimeout(hard);
  }

  async remove() {
    await this.stop();
    rmSync(this.data, { recursive: true, force: true });
  }

  async ask(path) {
    return (await fetch(`${this.address}/api/v1/${path}`, { headers: this.headers })).json();
  }

  async sql(query) {
    const answer = await fetch(`${this.address}/api/v1/sql`, { method: 'POST', headers: { ...this.headers, 'content-type': 'application/json' }, body: JSON.stringify({ query }) });
    return answer.json();
  }
}

export function browser() {
  return chromium.launch({ executablePath: process.env.DEPTHLAKE_CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage', '--enable-precise-memory-info'] });
}

/** A page that remembers whatever a browser complains about. */
export async function pageOf(opened, options = {}) {
  const context = await opened.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark', acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const complaints = [];
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  // Of a failure of the server a browser only notes the status.
  page.on('response', async (answer) => {
    if (answer.status() >= 500) complaints.push(`${answer.status()} ${answer.url()}: ${await answer.text().catch(() => '')}`);
  });
  page.on('pageerror', (error) => complaints.push(String(error.stack)));
  return { page, context, complaints };
}
