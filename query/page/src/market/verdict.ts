/** One answer to the question that everybody has first: can these figures be trusted? */

import type { Health, ServiceLevel } from '../api/types';
import { fixed } from '../format/number';
import { span } from '../format/time';
import type { Connection } from '../stream/connection';

export type Trust = 'good' | 'care' | 'bad' | 'unknown';

export interface Verdict {
  trust: Trust;
  word: string;
  sentence: string;
  reasons: string[];
}

const KNOWN_NAMES: Record<string, string> = {
  freshness: 'Oldest book',
  commit_age: 'Last commit',
  gap_rate: 'Gaps an hour',
  agreement: 'Against the venue',
  api_p95: 'API, 95 of 100',
};

/** A verdict comes every second; one may be missed. */
const LEAST_PATIENCE = 3_000;

export interface Heard {
  connection: Connection;
  health: Health | null;
  /** This browser's clock when that verdict came. */
  heardAt: number;
  now: number;
}

export function judge({ connection, health, heardAt, now }: Heard): Verdict {
  if (connection.phase === 'lost') {
    return {
      trust: 'unknown',
      word: 'Unknown',
      sentence: `Connection lost ${span(now - connection.since)} ago: what is shown stands still.`,
      reasons: [connection.reason],
    };
  }
  if (!health) return { trust: 'unknown', word: 'Asking', sentence: 'Waiting for the server’s first word.', reasons: [] };
  // A verdict is worth no longer than a book is promised to be young.
  const promised = health.service_levels.find(({ name }) => name === 'freshness')?.target;
  if (typeof promised === 'number' && now - heardAt > Math.max(promised, LEAST_PATIENCE)) {
    return { trust: 'unknown', word: 'Unknown', sentence: `Nothing heard from the server for ${span(now - heardAt)}: what is shown may stand still.`, reasons: [] };
  }
  const live = `${health.symbols.filter(({ state }) => state === 'live').length} of ${health.symbols.length} books live`;
  const reasons = health.reasons ?? [];
  if (health.status === 'ok') {
    return { trust: 'good', word: 'Trusted', sentence: `These figures can be trusted: ${live}, every service level kept.`, reasons: [] };
  }
  if (health.status === 'degraded') {
    return { trust: 'care', word: 'With care', sentence: `Use these figures with care: ${live}.`, reasons };
  }
  return { trust: 'bad', word: 'Not trusted', sentence: `Do not trust these figures: ${live}.`, reasons };
}

export function levelName(level: ServiceLevel): string {
  return KNOWN_NAMES[level.name] ?? level.name.replaceAll('_', ' ');
}

/** How much of what is promised is used up, from 0 to 1; null where there is nothing to measure. */
export function used({ value, target }: ServiceLevel): number | null {
  return value === null || !target ? null : Math.max(0, Math.min(1, value / target));
}

export function levelFigure(value: number | null, unit: string): string {
  if (value === null) return '–';
  if (unit === 'ms') return span(value);
  if (unit === 's' || unit === 'seconds') return span(value * 1000);
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 2 : 1;
  return `${fixed(value, digits)}${unit ? ` ${unit}` : ''}`;
}
