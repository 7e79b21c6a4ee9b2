/** Questions to the server over HTTP. An answer that is no success becomes a {@link Refusal} in the server's own words. */

import { ask as askServer } from '../access/access';
import type {
  Bar, DayVolume, DeadLetter, Instrument, Lake, ReplayedBook, ReplayRange, Rows, SqlAnswer, Trade, Value,
} from './types';

export class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

export function explain(error: unknown): string {
  if (error instanceof Refusal) return error.message;
  if (error instanceof TypeError) return 'The server cannot be reached.';
  return error instanceof Error ? error.message : String(error);
}

async function refused(answer: Response): Promise<Refusal> {
  const text = await answer.text();
  try {
    const problem = JSON.parse(text) as { title?: string; detail?: string };
    const words = [problem.title, problem.detail].filter((word): word is string => Boolean(word));
    return new Refusal(answer.status, words.join(': ') || `The server answered ${answer.status}.`);
  } catch {
    return new Refusal(answer.status, text || `The server answered ${answer.status} ${answer.statusText}.`);
  }
}

async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const answer = await askServer(`/api/v1/${path}`, { signal: signal ?? null, headers: { accept: 'application/json' } });
  if (!answer.ok) throw await refused(answer);
  return (await answer.json()) as T;
}

const part = encodeURIComponent;

export const symbols = (signal?: AbortSignal) => get<{ symbols: Instrument[] }>('symbols', signal);

export const bars = (symbol: string, limit: number, before?: string, signal?: AbortSignal) =>
  get<{ bars: Bar[] }>(`bars/${part(symbol)}?limit=${limit}${before ? `&before=${part(before)}` : ''}`, signal);

/** A page of trades, newest first; `next` is where the one before it begins. */
export const trades = (symbol: string, limit: number, before?: string, signal?: AbortSignal) =>
  get<{ trades: Trade[]; next?: string }>(`trades/${part(symbol)}?limit=${limit}${before ? `&before=${part(before)}` : ''}`, signal);

const PAGE = 1000;
const MOST_PAGES = 20;

/** All trades from a time on until another, as far as twenty pages reach back; each page is handed on as it comes. */
export async function tradesBetween(symbol: string, from: number, until: number, signal: AbortSignal, take: (page: Trade[]) => void): Promise<void> {
  let before: string | undefined = new Date(until).toISOString();
  for (let page = 0; page < MOST_PAGES && before !== undefined; page += 1) {
    const answer: { trades: Trade[]; next?: string } = await trades(symbol, PAGE, before, signal);
    take(answer.trades);
    const oldest = answer.trades.at(-1);
    before = oldest && Date.parse(oldest.event_time) >= from ? answer.next : undefined;
  }
}

export const replayAt = (symbol: string, at: string, depth: number, signal?: AbortSignal) =>
  get<ReplayedBook>(`replay/${part(symbol)}?at=${part(at)}&depth=${depth}`, signal);

export const replayRange = (symbol: string, from: string, to: string, stepMs: number, depth: number, signal?: AbortSignal) =>
  get<ReplayRange>(`replay/${part(symbol)}/range?from=${part(from)}&to=${part(to)}&step=${stepMs}&depth=${depth}`, signal);

export const lake = (signal?: AbortSignal) => get<Lake>('lake', signal);

export const latestRows = (table: string, limit: number, signal?: AbortSignal) =>
  get<Rows>(`lake/${part(table)}/latest?limit=${limit}`, signal);

export const deadLetters = (limit: number, signal?: AbortSignal) =>
  get<{ dead_letters: DeadLetter[] }>(`dead-letters?limit=${limit}`, signal);

export const breaks = (limit: number, signal?: AbortSignal) =>
  get<{ breaks: Record<string, Value>[] }>(`reconciliation?limit=${limit}`, signal);

export const volume = (days: number, signal?: AbortSignal) => get<{ days: DayVolume[] }>(`lake/volume?days=${days}`, signal);

async function ask(body: object, signal?: AbortSignal): Promise<Response> {
  const answer = await askServer('/api/v1/sql', {
    method: 'POST',
    signal: signal ?? null,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw await refused(answer);
  return answer;
}

export async function sql(query: string, maxRows: number, signal?: AbortSignal): Promise<SqlAnswer> {
  const answer = await ask({ query, max_rows: maxRows, format: 'json' }, signal);
  return (await answer.json()) as SqlAnswer;
}

export async function download(query: string, format: 'csv' | 'parquet'): Promise<Blob> {
  return (await ask({ query, format })).blob();
}
