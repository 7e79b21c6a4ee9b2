/**
 * One book as the stream tells it: a snapshot, then changed levels. Texts are kept as they came; the number beside them
 * is for order and drawing only.
 */

import type { BookState, Level } from '../api/types';

export interface BookLevel {
  price: string;
  quantity: string;
  at: number;
  size: number;
}

export class Book {
  bids: BookLevel[] = [];
  asks: BookLevel[] = [];
  state: BookState = 'resyncing';
  updateId = 0;
  eventTime: string | null = null;
  receiveTime: string | null = null;

  replace(bids: readonly Level[], asks: readonly Level[]): void {
    this.bids = bids.filter(present).map(level).sort(descending);
    this.asks = asks.filter(present).map(level).sort(ascending);
  }

  change(bids: readonly Level[], asks: readonly Level[]): void {
    for (const change of bids) apply(this.bids, change, -1);
    for (const change of asks) apply(this.asks, change, 1);
  }

  clear(): void {
    this.bids = [];
    this.asks = [];
    this.updateId = 0;
    this.eventTime = null;
    this.receiveTime = null;
  }

  get mid(): number {
    const bid = this.bids[0];
    const ask = this.asks[0];
    return bid && ask ? (bid.at + ask.at) / 2 : Number.NaN;
  }
}

const descending = (one: BookLevel, other: BookLevel) => other.at - one.at;
const ascending = (one: BookLevel, other: BookLevel) => one.at - other.at;
const present = ([, quantity]: Level) => Number(quantity) > 0;

function level([price, quantity]: Level): BookLevel {
  return { price, quantity, at: Number(price), size: Number(quantity) };
}

/** `direction` is 1 where prices rise from the touch on (asks) and -1 where they fall. */
function apply(side: BookLevel[], [price, quantity]: Level, direction: 1 | -1): void {
  const at = Number(price);
  let low = 0;
  let high = side.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (((side[middle] as BookLevel).at - at) * direction < 0) low = middle + 1;
    else high = middle;
  }
  const found = side[low];
  const size = Number(quantity);
  if (found && found.at === at) {
    if (size > 0) {
      found.quantity = quantity;
      found.size = size;
    } else side.splice(low, 1);
  } else if (size > 0) side.splice(low, 0, { price, quantity, at, size });
}
