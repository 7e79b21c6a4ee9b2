/** Times as people read them. The server speaks RFC 3339 in UTC with up to nanoseconds; the page shows UTC throughout. */

/** Milliseconds since 1970 of an RFC 3339 text, with the fraction kept to microseconds; NaN when it is none. */
export function milliseconds(text: string | null | undefined): number {
  if (!text) return Number.NaN;
  const match = /^(.*?T\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return Date.parse(text);
  const whole = Date.parse(`${match[1]}${match[3]}`);
  return whole + (match[2] ? Number(`0.${match[2]}`) * 1000 : 0);
}

export function clock(at: number, digits: 0 | 1 | 3 = 0): string {
  if (!Number.isFinite(at)) return '–';
  const text = new Date(at).toISOString();
  return text.slice(11, digits === 0 ? 19 : 20 + digits);
}

export function date(at: number): string {
  return Number.isFinite(at) ? new Date(at).toISOString().slice(0, 10) : '–';
}

export function moment(at: number): string {
  return Number.isFinite(at) ? `${date(at)} ${clock(at)}` : '–';
}

export function rfc3339(at: number): string {
  return new Date(at).toISOString();
}

/** How long something lasted or is ago, in two significant steps at most: 84 ms, 3.2 s, 4 min, 2 h 5 min, 3 d. */
export function span(ms: number | null | undefined): string {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return '–';
  const size = Math.max(0, ms);
  if (size < 999.5) return `${size.toFixed(0)} ms`;
  if (size < 59_950) return `${(size / 1000).toFixed(1)} s`;
  const minutes = Math.round(size / 60_000);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d`;
}

export function ago(at: number, now: number): string {
  return Number.isFinite(at) ? `${span(now - at)} ago` : 'never';
}
