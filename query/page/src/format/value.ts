/** Values of SQL answers as texts. Everything is shown as text, whatever it holds. */

import type { Column, Value } from '../api/types';

export function valueText(value: Value): string {
  if (value === null) return 'null';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

export function isNumeric({ type }: Column): boolean {
  return /^(tinyint|smallint|integer|bigint|real|double|decimal)/i.test(type);
}

export function isTime({ type }: Column): boolean {
  return /^(timestamp|date)/i.test(type);
}

/** The moment a value stands for, in milliseconds: "2026-11-21 10:00:00.000000 UTC" and RFC 3339 alike. */
export function timeValue(value: Value): number {
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim().replace(/ UTC$/, 'Z').replace(/^(\d{4}-\d\d-\d\d) /, '$1T');
  const zoned = /(Z|[+-]\d\d:?\d\d)$/.test(text) || /^\d{4}-\d\d-\d\d$/.test(text) ? text : `${text}Z`;
  return Date.parse(zoned.replace(/(\.\d{3})\d+/, '$1'));
}
