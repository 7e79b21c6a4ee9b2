import { describe, expect, it } from 'vitest';
import { basisPoints, bytes, decimalsOf, exact, fixed, price, short, signed } from './number';
import { ago, clock, milliseconds, span } from './time';
import { isNumeric, timeValue, valueText } from './value';

describe('numbers', () => {
  it('keeps every digit of a decimal text', () => {
    expect(price('12345678901234567890.12345678', 2)).toBe('12,345,678,901,234,567,890.12345678');
    expect(price('0.00002012', 8)).toBe('0.00002012');
    expect(price('64231.50000000', 2)).toBe('64,231.50');
    expect(price('64231', 0)).toBe('64,231');
    expect(exact('1.5', 3)).toEqual({ whole: '1', fraction: '500' });
  });
  it('knows how many digits a step needs', () => {
    expect(decimalsOf('0.01000000')).toBe(2);
    expect(decimalsOf('1.00000000')).toBe(0);
    expect(decimalsOf('10')).toBe(0);
  });
  it('says a dash for what is not known, never NaN', () => {
    for (const nothing of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(fixed(nothing, 2)).toBe('–');
      expect(signed(nothing, 2)).toBe('–');
    }
    expect(bytes(null)).toBe('–');
    expect(span(Number.NaN)).toBe('–');
    expect(clock(Number.NaN)).toBe('–');
    expect(ago(Number.NaN, 0)).toBe('never');
  });
  it('tells a spread however small', () => {
    expect([30.094, 0.0299, 0.0100, 0].map(basisPoints)).toEqual(['30.09', '0.03', '0.01', '0.00']);
    expect([0.00156, 0.0000234].map(basisPoints)).toEqual(['0.0016', '0.000023']);
    expect(basisPoints(null)).toBe('–');
  });
  it('signs what is not zero when rounded', () => {
    expect(signed(0.004, 2)).toBe('0.00');
    expect(signed(-0.004, 2)).toBe('0.00');
    expect(signed(1234.5, 1)).toBe('+1,234.5');
    expect(signed(-2, 0)).toBe('−2');
  });
  it('shortens without an exponent', () => {
    expect(short(0)).toBe('0');
    expect(short(0.00308)).toBe('0.00308');
    expect(short(0.0000000123)).toBe('0.0000000123');
    expect(short(12.5)).toBe('12.5');
    expect(short(100)).toBe('100');
    expect(short(9999)).toBe('9,999');
    expect(short(12_345)).toBe('12.3k');
    expect(short(4_560_000)).toBe('4.56M');
  });
  it('speaks of sizes', () => {
    expect(bytes(999)).toBe('999 B');
    expect(bytes(1_234_567)).toBe('1.2 MB');
  });
});

describe('times', () => {
  it('reads nanoseconds, and offsets', () => {
    expect(milliseconds('2024-08-08T11:20:31.123456789Z')).toBeCloseTo(Date.UTC(2024, 7, 8, 11, 20, 31) + 123.456789, 3);
    expect(milliseconds('2024-08-08T13:20:31+02:00')).toBe(Date.UTC(2024, 7, 8, 11, 20, 31));
    expect(milliseconds('nonsense')).toBeNaN();
    expect(milliseconds(null)).toBeNaN();
  });
  it('says how long', () => {
    expect(span(84)).toBe('84 ms');
    expect(span(999.6)).toBe('1.0 s');
    expect(span(59_960)).toBe('1 min');
    expect(span(7_500_000)).toBe('2 h 5 min');
    expect(span(300_000_000)).toBe('3 d');
    expect(span(-5)).toBe('0 ms');
  });
});

describe('values', () => {
  it('are texts', () => {
    expect(valueText('<b>x</b>')).toBe('<b>x</b>');
    expect(valueText(null)).toBe('null');
    expect(valueText([1, { a: null }])).toBe('[1,{"a":null}]');
  });
  it('have moments', () => {
    expect(timeValue('2026-11-21 10:00:00.123456 UTC')).toBe(Date.UTC(2026, 10, 21, 10, 0, 0, 123));
    expect(timeValue('2026-11-21T10:00:00.123456789Z')).toBe(Date.UTC(2026, 10, 21, 10, 0, 0, 123));
    expect(timeValue('2026-11-21 10:00:00')).toBe(Date.UTC(2026, 10, 21, 10));
    expect(timeValue('2026-11-21')).toBe(Date.UTC(2026, 10, 21));
    expect(timeValue(7)).toBeNaN();
  });
  it('are numeric by their type', () => {
    expect(isNumeric({ name: 'x', type: 'decimal(18,8)' })).toBe(true);
    expect(isNumeric({ name: 'x', type: 'array(bigint)' })).toBe(false);
  });
});
