/**
 * Order-flow imbalance at the best prices (Cont, Kukanov, Stoikov): what was added at the bid less what was added at
 * the ask between two states of the touch. Positive figures push the price up.
 */

export interface Touch {
  bid: number;
  bidSize: number;
  ask: number;
  askSize: number;
}

export function orderFlow(before: Touch, after: Touch): number {
  const bid = (after.bid >= before.bid ? after.bidSize : 0) - (after.bid <= before.bid ? before.bidSize : 0);
  const ask = (after.ask <= before.ask ? after.askSize : 0) - (after.ask >= before.ask ? before.askSize : 0);
  return bid - ask;
}
