import { useRef } from 'preact/hooks';
import { basisPoints, exact, fixed, signed } from '../format/number';
import { clock, date, milliseconds, span } from '../format/time';
import { ageOf, changeOf, direction, listing } from '../market/market';
import { imbalanceOf } from '../market/live_symbol';
import { now } from '../parts/clock';
import { go, symbolPath } from '../parts/route';
import { connection } from '../stream/connection';
import { usePainter, type View } from './symbol';

/** Name, price and the figures of the moment; each is written in place. */
export function SymbolHead({ view, names }: { view: View; names: string[] }) {
  const { symbol, live } = view;
  const price = useRef<HTMLParagraphElement>(null);
  const spread = useRef<HTMLElement>(null);
  const imbalance = useRef<HTMLElement>(null);
  const micro = useRef<HTMLElement>(null);
  const update = useRef<HTMLElement>(null);
  const time = useRef<HTMLElement>(null);
  const past = view.looking.at !== null;

  usePainter(view, () => {
    const inPast = view.looking.at !== null;
    const book = inPast ? view.past.book : view.live.book;
    const bid = book.bids[0];
    const ask = book.asks[0];
    const mid = book.mid;
    const known = bid && ask && mid > 0;
    const parts = known ? exact(mid.toFixed(view.decimals + 1), view.decimals) : { whole: '–', fraction: '' };
    write(price.current?.children[0], parts.whole);
    write(price.current?.children[1], parts.fraction && `.${parts.fraction}`);
    write(spread.current, known ? `${basisPoints(((ask.at - bid.at) / mid) * 1e4)} bps` : '–');
    write(imbalance.current, signed(imbalanceOf(book, 5), 2));
    write(micro.current, known ? fixed((bid.at * ask.size + ask.at * bid.size) / (bid.size + ask.size), view.decimals + 2) : '–');
    write(update.current, inPast || !book.updateId ? '–' : String(book.updateId));
    const at = milliseconds(book.eventTime);
    write(time.current, Number.isFinite(at) ? `${inPast ? `${date(at)} ` : ''}${clock(at, 3)}` : '–');
  });

  const item = listing(symbol);
  const change = item && !past ? changeOf(item) : null;
  const age = item ? ageOf(item, now.value) : null;
  const state = connection.value.phase === 'lost' ? 'standing still' : (live.state.value ?? 'waiting');
  return (
    <section class="head" aria-label="Now">
      <h1>
        <label class="unseen" for="choose">Symbol</label>
        <select id="choose" value={symbol} onChange={(event) => go(symbolPath(event.currentTarget.value))}>
          {(names.length ? names : [symbol]).map((name) => <option value={name}>{name}</option>)}
        </select>
      </h1>
      <p class="price" ref={price}><span>–</span><span class="muted" /></p>
      {change && <p class={`change ${direction(change.percent)}`}>{signed(change.percent, 2)} % <span class="muted">{change.overMs === 86_400_000 ? '24 h' : span(change.overMs)}</span></p>}
      <p class={past ? 'badge badge-past' : `badge state state-${state}`}>{past ? 'the past' : state}</p>
      <dl class="facts">
        <div><dt>Spread</dt><dd ref={spread} /></div>
        <div><dt>Imbalance</dt><dd ref={imbalance} /></div>
        <div><dt>Microprice</dt><dd ref={micro} /></div>
        <div><dt>Update</dt><dd ref={update} /></div>
        <div class="wide"><dt>Event time, UTC</dt><dd ref={time} /></div>
        <div><dt>Age</dt><dd>{past ? '–' : span(age)}</dd></div>
      </dl>
    </section>
  );
}

function write(element: Element | null | undefined, text: string): void {
  if (element && element.textContent !== text) element.textContent = text;
}
