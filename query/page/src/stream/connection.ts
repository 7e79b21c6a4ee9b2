/**
 * The page's one WebSocket. It stays open, comes back by itself with growing pauses, asks again for everything that was
 * subscribed, and never pretends: {@link connection} says whether figures on the screen move.
 */

import { signal } from '@preact/signals';
import { access, ticket } from '../access/access';
import { pause } from './backoff';

export type Connection =
  | { phase: 'connecting' }
  | { phase: 'open'; since: number }
  | { phase: 'lost'; since: number; retryAt: number; reason: string };

export const connection = signal<Connection>({ phase: 'connecting' });

export interface Message {
  channel: string;
  symbol?: string;
  time?: string;
  [field: string]: unknown;
}

export interface Wish {
  channel: 'tickers' | 'book' | 'trades' | 'bars' | 'health';
  symbols: string[];
  depth?: number;
  conflate_ms?: number;
}

type Listener = (message: Message) => void;

/** The server says something every second, and a heartbeat every five. So much longer than that means that the connection is
 * dead, whatever the socket believes. */
const SILENCE = 8_000;

let socket: WebSocket | null = null;
let attempt = 0;
/** Counts the times that a connection was to be opened: only the last one is. */
let opening = 0;
let heardAt = 0;
let lostAt = 0;
let retry: ReturnType<typeof setTimeout> | undefined;
const wishes = new Map<symbol, { wish: Wish; listener: Listener }>();

/** Asks for a channel; the returned function ends it. The listener is called for the wish's own symbols only. */
export function subscribe(wish: Wish, listener: Listener): () => void {
  const key = Symbol(wish.channel);
  wishes.set(key, { wish, listener });
  say({ op: 'subscribe', ...wish });
  return () => {
    wishes.delete(key);
    const wanted = [...wishes.values()].some(({ wish: other }) => same(other, wish));
    if (!wanted) say({ op: 'unsubscribe', ...wish });
  };
}

/** Opens the connection and keeps it open until the page is gone. */
export function connect(): void {
  void open();
  setInterval(watch, 500);
  addEventListener('online', retryNow);
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') retryNow();
  });
}

/** Does not wait for the pause to end. */
export function retryNow(): void {
  if (connection.value.phase !== 'lost') return;
  clearTimeout(retry);
  void open();
}

/** Opens the connection for whoever has logged in. */
export function enter(): void {
  attempt = 0;
  connection.value = { phase: 'connecting' };
  clearTimeout(retry);
  void open();
}

/** The server knows a subscription by all that was said of it. */
function same(one: Wish, other: Wish): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

async function open(): Promise<void> {
  opening += 1;
  const mine = opening;
  let given;
  try {
    given = await ticket();
  } catch (error) {
    if (mine === opening) lose(error instanceof TypeError ? 'the server cannot be reached' : String((error as Error).message));
    return;
  }
  // Who is asked to log in comes back by himself.
  if (mine !== opening || !given || access.value.phase === 'asked') return;
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  const next = new WebSocket(`${scheme}//${location.host}/api/v1/stream?ticket=${given.ticket}`);
  socket = next;
  heardAt = Date.now();
  next.onopen = () => {
    heardAt = Date.now();
    for (const { wish } of wishes.values()) say({ op: 'subscribe', ...wish });
  };
  next.onmessage = (event) => hear(event);
  next.onclose = (event) => {
    if (socket === next) lose(event.reason || 'the server closed the connection');
  };
}

function hear(event: MessageEvent): void {
  heardAt = Date.now();
  if (connection.value.phase !== 'open') {
    attempt = 0;
    connection.value = { phase: 'open', since: heardAt };
  }
  const message = JSON.parse(event.data as string) as Message;
  for (const { wish, listener } of wishes.values()) {
    if (wish.channel !== message.channel) continue;
    if (message.symbol && !wish.symbols.includes(message.symbol) && !wish.symbols.includes('*')) continue;
    listener(message);
  }
}

function say(request: object): void {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(request));
}

function watch(): void {
  if (!socket || Date.now() - heardAt < SILENCE) return;
  const silent = socket;
  socket = null;
  silent.close();
  lose('the server has gone silent');
}

function lose(why: string): void {
  socket = null;
  const now = Date.now();
  if (connection.value.phase !== 'lost') lostAt = now;
  const wait = pause(attempt);
  attempt += 1;
  connection.value = { phase: 'lost', since: lostAt, retryAt: now + wait, reason: why };
  clearTimeout(retry);
  retry = setTimeout(() => void open(), wait);
}
