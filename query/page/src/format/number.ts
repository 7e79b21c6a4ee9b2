/** Numbers as people read them. Decimal texts are cut and padded as texts; no exact figure passes through a float. */

const grouping = /\B(?=(\d{3})+(?!\d))/g;

/** Digits behind the point that a step like "0.0100" needs: 2. */
export function decimalsOf(step: string): number {
  const fraction = step.split('.')[1] ?? '';
  return fraction.replace(/0+$/, '').length;
}

/** A decimal text with at least `decimals` digits behind the point; further digits stay when they say something. */
export function exact(text: string, decimals: number): { whole: string; fraction: string } {
  const [whole = '0', raw = ''] = text.split('.');
  const trimmed = raw.replace(/0+$/, '');
  return { whole: whole.replace(grouping, ','), fraction: trimmed.padEnd(decimals, '0') };
}

export function price(text: string, decimals: number): string {
  const { whole, fraction } = exact(text, decimals);
  return fraction ? `${whole}.${fraction}` : whole;
}

/** A derived figure with fixed digits; what is not known is a dash. */
export function fixed(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : group(value.toFixed(digits));
}

/** Basis points with two digits; with two that say something where these would be zeros. */
export function basisPoints(value: number | null | undefined): string {
  if (!value || !Number.isFinite(value) || value >= 0.01) return fixed(value, 2);
  return Number(value.toPrecision(2)).toFixed(Math.min(20, 1 - Math.floor(Math.log10(value))));
}

export function signed(value: number | null | undefined, digits: number): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  const text = group(Math.abs(value).toFixed(digits));
  if (Number(text.replaceAll(',', '')) === 0) return text;
  return (value > 0 ? '+' : '−') + text;
}

function group(text: string): string {
  const [whole = '', fraction] = text.split('.');
  const grouped = whole.replace(grouping, ',');
  return fraction === undefined ? grouped : `${grouped}.${fraction}`;
}

export function count(value: number | null | undefined): string {
  return fixed(value, 0);
}

const sizes = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  let size = value;
  let unit = 0;
  while (size >= 1000 && unit < sizes.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size.toFixed(unit === 0 || size >= 100 ? 0 : 1)} ${sizes[unit]}`;
}

/** A quantity in few characters: 12.3k, 1.25M, 0.00412. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 1e9) return `${(value / 1e9).toPrecision(3)}B`;
  if (size >= 1e6) return `${(value / 1e6).toPrecision(3)}M`;
  if (size >= 1e4) return `${(value / 1e3).toPrecision(3)}k`;
  if (size >= 1000) return group(value.toFixed(0));
  if (size >= 1) return value.toPrecision(4).replace(/\.?0+$/, '');
  return Number(value.toPrecision(3)).toFixed(Math.min(20, 2 - Math.floor(Math.log10(size)))).replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
}
