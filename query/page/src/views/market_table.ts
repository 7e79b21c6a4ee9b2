/**
 * The rows of the overview. They are made once and changed in place: a text is written only when it differs, rows move
 * only when the order does, and the order rests while somebody points at the table or is in it.
 */

import { drawSparkline } from '../charts/sparkline';
import { basisPoints, exact, fixed, signed } from '../format/number';
import { span } from '../format/time';
import { ageOf, changeOf, direction, listing, listings, midOf, type Listing } from '../market/market';
import { go, symbolPath } from '../parts/route';
import { forget, paintSoon } from '../stream/frames';

export type SortKey = 'symbol' | 'price' | 'change' | 'spread' | 'imbalance' | 'rate' | 'age' | 'state';

export interface Sorting {
  key: SortKey;
  down: boolean;
}

const SPARK_WIDTH = 112;
const SPARK_HEIGHT = 24;
const SPARK_EVERY = 2000;
const SORT_EVERY = 2000;

export class MarketTable {
  private readonly rows = new Map<string, Row>();
  private readonly dirty = new Set<string>();
  private sorting: Sorting = { key: 'symbol', down: false };
  private filter = '';
  private readonly timer: ReturnType<typeof setInterval>;

  constructor(private readonly body: HTMLTableSectionElement) {
    this.timer = setInterval(() => this.settle(), SORT_EVERY);
  }

  changed(symbols: ReadonlySet<string>): void {
    for (const symbol of symbols) this.dirty.add(symbol);
    paintSoon(this.paint);
  }

  /** Sorts and filters at once; returns how many rows are shown. */
  arrange(sorting: Sorting, filter: string): number {
    this.sorting = sorting;
    this.filter = filter.trim().toUpperCase();
    for (const item of listings()) if (!this.rows.has(item.symbol)) this.rows.set(item.symbol, new Row(item));
    for (const row of this.rows.values()) row.name();
    return this.order();
  }

  ages(now: number, moving: boolean): void {
    for (const row of this.rows.values()) row.showAge(now, moving);
  }

  repaint(): void {
    for (const row of this.rows.values()) row.drawTrail(true);
  }

  /** Moves the focus up or down. */
  step(by: 1 | -1): void {
    const links = [...this.body.querySelectorAll<HTMLAnchorElement>('tr a')];
    const at = links.indexOf(document.activeElement as HTMLAnchorElement);
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
  }

  /** Opens the first row shown. */
  open(): void {
    const first = this.body.querySelector('tr a');
    if (first instanceof HTMLAnchorElement) go(first.pathname);
  }

  close(): void {
    clearInterval(this.timer);
    forget(this.paint);
    this.body.replaceChildren();
  }

  private readonly paint = () => {
    for (const symbol of this.dirty) this.rows.get(symbol)?.show();
    this.dirty.clear();
  };

  private settle(): void {
    if (this.body.matches(':hover') || this.body.contains(document.activeElement)) return;
    this.order();
  }

  private order(): number {
    const shown = [...this.rows.values()].filter((row) => row.item.symbol.includes(this.filter));
    const way = this.sorting.down ? -1 : 1;
    const value = VALUES[this.sorting.key];
    shown.sort((one, other) => compare(value(one.item), value(other.item)) * way || compare(one.item.symbol, other.item.symbol));
    let place: ChildNode | null = this.body.firstChild;
    for (const row of shown) {
      if (place === row.element) place = row.element.nextSibling;
      else this.body.insertBefore(row.element, place);
    }
    while (place) {
      const next: ChildNode | null = place.nextSibling;
      place.remove();
      place = next;
    }
    return shown.length;
  }
}

const VALUES: Record<SortKey, (item: Listing) => string | number> = {
  symbol: (item) => item.symbol,
  price: (item) => (item.ticker ? midOf(item.ticker) : 0),
  change: (item) => changeOf(item)?.percent ?? -1e9,
  spread: (item) => item.ticker?.spread_bps ?? 1e9,
  imbalance: (item) => item.ticker?.imbalance ?? -2,
  rate: (item) => item.ticker?.updates_per_second ?? -1,
  age: (item) => ageOf(item, Date.now()) ?? 1e12,
  state: (item) => item.ticker?.state ?? '',
};

function compare(one: string | number, other: string | number): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** One row: cells that are written to, and what they say now. */
class Row {
  readonly element = document.createElement('tr');
  private readonly link = document.createElement('a');
  private readonly whole = document.createElement('span');
  private readonly fraction = document.createElement('span');
  private readonly change: HTMLTableCellElement;
  private readonly spread: HTMLTableCellElement;
  private readonly needle = document.createElement('i');
  private readonly imbalance = document.createElement('span');
  private readonly rate: HTMLTableCellElement;
  private readonly age: HTMLTableCellElement;
  private readonly state = document.createElement('span');
  private readonly trail = document.createElement('canvas');
  private drawnAt = 0;

  constructor(readonly item: Listing) {
    const head = document.createElement('th');
    head.scope = 'row';
    head.className = 'col-symbol';
    this.link.href = symbolPath(item.symbol);
    head.append(this.link);
    this.name();
    this.element.append(head);
    this.whole.className = 'whole';
    this.fraction.className = 'fraction';
    this.cell('at-price col-price').append(this.whole, this.fraction);
    this.change = this.cell('at-right col-change');
    this.spread = this.cell('at-right col-spread');
    const gauge = document.createElement('span');
    gauge.className = 'gauge';
    gauge.setAttribute('aria-hidden', 'true');
    gauge.append(this.needle);
    const imbalance = this.cell('at-centre col-imbalance');
    imbalance.append(gauge, this.imbalance);
    this.rate = this.cell('at-right col-rate');
    this.age = this.cell('at-right col-age');
    this.cell('col-state').append(this.state);
    this.trail.className = 'trail';
    this.trail.setAttribute('aria-hidden', 'true');
    this.cell('at-right col-trail').append(this.trail);
    this.element.addEventListener('click', (event) => {
      if (!event.defaultPrevented && !(event.target as Element).closest('a') && !getSelection()?.toString()) go(symbolPath(item.symbol));
    });
    this.show();
  }

  /** Writes the name, its quote currency paler once that is known. */
  name(): void {
    const { symbol } = this.item;
    const quote = listing(symbol)?.instrument?.quote;
    const split = quote && symbol.endsWith(quote) && symbol !== quote ? symbol.length - quote.length : symbol.length;
    if (this.link.firstChild?.nodeValue === symbol.slice(0, split)) return;
    const rest = document.createElement('span');
    rest.className = 'quote';
    rest.textContent = symbol.slice(split);
    this.link.replaceChildren(symbol.slice(0, split), rest);
  }

  show(): void {
    const ticker = this.item.ticker;
    if (!ticker) return;
    const mid = ticker.mid ?? ticker.last_price;
    const parts = mid === null ? { whole: '–', fraction: '' } : exact(String(mid), this.item.priceDecimals);
    write(this.whole, parts.whole);
    write(this.fraction, parts.fraction && `.${parts.fraction}`);
    this.showChange();
    write(this.spread, basisPoints(ticker.spread_bps));
    this.showImbalance(ticker.imbalance);
    write(this.rate, fixed(ticker.updates_per_second, 1));
    write(this.state, ticker.state);
    mark(this.state, `state state-${ticker.state}`);
    this.drawTrail(false);
  }

  showAge(now: number, moving: boolean): void {
    const age = ageOf(this.item, now);
    write(this.age, age === null ? '–' : span(age));
    mark(this.age, `at-right col-age${!moving || (age ?? 1e9) > 5000 ? ' late' : ''}`);
  }

  drawTrail(anyway: boolean): void {
    const now = Date.now();
    if (!this.element.isConnected || (!anyway && now - this.drawnAt < SPARK_EVERY)) return;
    this.drawnAt = now;
    drawSparkline(this.trail, this.item.trail, SPARK_WIDTH, SPARK_HEIGHT);
  }

  private showChange(): void {
    const change = changeOf(this.item);
    write(this.change, change ? `${signed(change.percent, 2)} %` : '–');
    mark(this.change, `at-right col-change ${change ? direction(change.percent) : ''}`);
    const over = change ? `over ${change.overMs === 86_400_000 ? '24 h' : span(change.overMs)}` : '';
    if (this.change.title !== over) this.change.title = over;
  }

  private showImbalance(imbalance: number | null): void {
    write(this.imbalance, signed(imbalance, 2));
    const share = Math.max(-1, Math.min(1, imbalance ?? 0));
    this.needle.style.transform = `scaleX(${Math.round(Math.abs(share) * 50) / 50})`;
    mark(this.needle, share < 0 ? 'sell' : 'buy');
  }

  private cell(name: string): HTMLTableCellElement {
    const cell = document.createElement('td');
    cell.className = name;
    this.element.append(cell);
    return cell;
  }
}

function write(element: Element, text: string): void {
  const node = element.firstChild;
  if (!node) element.textContent = text;
  else if (node.nodeValue !== text) node.nodeValue = text;
}

function mark(element: Element, name: string): void {
  if (element.className !== name) element.className = name;
}
