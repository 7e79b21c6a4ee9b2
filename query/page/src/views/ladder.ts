/** The ladder: asks above, bids below, the sum from the touch on beside each. Rows are made once and written to. */

import { basisPoints, price, short } from '../format/number';
import type { Book, BookLevel } from '../market/book';

interface Rung {
  row: HTMLTableRowElement;
  price: HTMLElement;
  quantity: HTMLElement;
  sum: HTMLElement;
  bar: HTMLElement;
}

export class Ladder {
  private readonly asks: Rung[];
  private readonly bids: Rung[];
  private readonly spread = document.createElement('td');

  constructor(body: HTMLTableSectionElement, rows: number) {
    this.asks = Array.from({ length: rows }, () => rung('ask'));
    this.bids = Array.from({ length: rows }, () => rung('bid'));
    const middle = document.createElement('tr');
    middle.className = 'spread-row';
    this.spread.colSpan = 3;
    middle.append(this.spread);
    body.replaceChildren(...this.asks.map(({ row }) => row).reverse(), middle, ...this.bids.map(({ row }) => row));
  }

  show(book: Book, decimals: number, quantityDecimals: number): void {
    const whole = Math.max(sumOf(book.bids, this.bids.length), sumOf(book.asks, this.asks.length));
    fill(this.bids, book.bids, decimals, quantityDecimals, whole);
    fill(this.asks, book.asks, decimals, quantityDecimals, whole);
    const bid = book.bids[0];
    const ask = book.asks[0];
    const words = bid && ask
      ? `Spread ${price((ask.at - bid.at).toFixed(decimals), decimals)} · ${basisPoints(((ask.at - bid.at) / book.mid) * 1e4)} bps`
      : 'No book';
    write(this.spread, words);
  }
}

function sumOf(levels: readonly BookLevel[], count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index += 1) sum += levels[index]?.size ?? 0;
  return sum;
}

function fill(rungs: readonly Rung[], levels: readonly BookLevel[], decimals: number, quantityDecimals: number, whole: number): void {
  let sum = 0;
  rungs.forEach((rung, index) => {
    const level = levels[index];
    sum += level?.size ?? 0;
    write(rung.price, level ? price(level.price, decimals) : '');
    write(rung.quantity, level ? price(level.quantity, quantityDecimals) : '');
    write(rung.sum, level ? short(sum) : '');
    const share = level && whole > 0 ? Math.round((sum / whole) * 500) / 500 : 0;
    const transform = `scaleX(${share})`;
    if (rung.bar.style.transform !== transform) rung.bar.style.transform = transform;
  });
}

function rung(side: 'bid' | 'ask'): Rung {
  const row = document.createElement('tr');
  row.className = side;
  const cell = document.createElement('td');
  cell.className = 'sum';
  const bar = document.createElement('i');
  bar.setAttribute('aria-hidden', 'true');
  const sum = document.createElement('span');
  cell.append(bar, sum);
  const quantity = document.createElement('td');
  const head = document.createElement('th');
  head.scope = 'row';
  row.append(cell, quantity, head);
  return { row, price: head, quantity, sum, bar };
}

function write(element: Element, text: string): void {
  const node = element.firstChild;
  if (!node) element.textContent = text;
  else if (node.nodeValue !== text) node.nodeValue = text;
}
