/** One symbol: its ladder, its depth over time, its bars and figures; live, or at a time of the past. */

import { useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { theme } from '../charts/theme';
import { decimalsOf } from '../format/number';
import { instrumentVersion, listing, listings, symbolCount } from '../market/market';
import { PastSymbol } from '../market/past_symbol';
import { LiveSymbol } from '../market/live_symbol';
import { useKeys } from '../parts/keys';
import { go, route, symbolPath } from '../parts/route';
import { forget, paintSoon } from '../stream/frames';
import { BarsCard } from './bars_card';
import { DepthCard } from './depth_card';
import { FigureCards } from './figure_cards';
import { Ladder } from './ladder';
import { SymbolHead } from './symbol_head';
import { TimeSlider, type Looking } from './time_slider';

const RUNGS = 16;

export function SymbolView() {
  symbolCount.value;
  instrumentVersion.value;
  const here = route.value;
  const asked = here.view === 'symbol' ? here.symbol : null;
  const names = [...listings()].map(({ symbol }) => symbol).sort();
  const symbol = asked ?? (names.includes('BTCUSDT') ? 'BTCUSDT' : names[0]) ?? null;
  if (symbol === null) return <p class="notice">Waiting for the symbols…</p>;
  if (names.length && !names.includes(symbol)) {
    return (
      <section class="nowhere">
        <h1>There is no symbol “{symbol}” here</h1>
        <p>{names.length} symbols are followed. <a href="/">See them all</a></p>
      </section>
    );
  }
  return <OneSymbol key={symbol} symbol={symbol} names={names} />;
}

/** Everything of one symbol; made anew when another is chosen. */
function OneSymbol({ symbol, names }: { symbol: string; names: string[] }) {
  const painters = useMemo(() => new Set<() => void>(), []);
  const [looking, look] = useState<Looking>({ at: null, playing: false, speed: 5 });
  const paintAll = useMemo(() => () => painters.forEach((paint) => paint()), []);
  const models = useRef<{ live: LiveSymbol; past: PastSymbol } | null>(null);
  models.current ??= {
    live: new LiveSymbol(symbol, () => paintSoon(paintAll)),
    past: new PastSymbol(symbol, () => paintSoon(paintAll)),
  };
  const { live, past } = models.current;

  useEffect(() => {
    void past.learnBounds();
    const timer = setInterval(() => void past.learnBounds(), 10_000);
    return () => {
      clearInterval(timer);
      live.close();
      past.close();
      forget(paintAll);
    };
  }, []);
  useEffect(() => {
    if (looking.at !== null) past.show(looking.at);
    paintSoon(paintAll);
  }, [looking]);
  useSignalEffect(() => {
    theme.value;
    paintSoon(paintAll);
  });
  useKeys((key) => {
    const way = key === '[' ? -1 : key === ']' ? 1 : 0;
    if (way && names.length) go(symbolPath(names[(names.indexOf(symbol) + way + names.length) % names.length] as string));
    if (key === 'l') look({ ...looking, at: null, playing: false });
  });

  const item = listing(symbol);
  const tick = Number(item?.instrument?.tick_size ?? 0.01);
  const view = {
    symbol, live, past, looking, tick,
    decimals: item?.priceDecimals ?? 2,
    quantityDecimals: decimalsOf(item?.instrument?.step_size ?? ''),
    painters,
    look: (at: number) => look({ ...looking, at, playing: false }),
  };
  return (
    <div class={`symbol ${looking.at === null ? '' : 'in-past'}`}>
      <SymbolHead view={view} names={names} />
      <LadderCard view={view} />
      <DepthCard view={view} />
      <BarsCard view={view} />
      <FigureCards view={view} />
      <TimeSlider bounds={past.bounds.value} looking={looking} loading={past.loading.value} failure={past.failure.value} look={look} />
    </div>
  );
}

/** What the parts of the view share. Painters are called once a frame when something changed. */
export interface View {
  symbol: string;
  live: LiveSymbol;
  past: PastSymbol;
  looking: Looking;
  tick: number;
  decimals: number;
  quantityDecimals: number;
  painters: Set<() => void>;
  look: (at: number) => void;
}

/** Has a painter called for as long as the part is shown, and always the newest one. */
export function usePainter(view: View, paint: () => void): void {
  const newest = useRef(paint);
  newest.current = paint;
  useEffect(() => {
    const call = () => newest.current();
    view.painters.add(call);
    call();
    return () => {
      view.painters.delete(call);
    };
  }, []);
}

function LadderCard({ view }: { view: View }) {
  const body = useRef<HTMLTableSectionElement>(null);
  const ladder = useRef<Ladder | null>(null);
  usePainter(view, () => {
    if (!body.current) return;
    ladder.current ??= new Ladder(body.current, RUNGS);
    const book = view.looking.at === null ? view.live.book : view.past.book;
    ladder.current.show(book, view.decimals, view.quantityDecimals);
  });
  return (
    <section class="card ladder" aria-label="Book">
      <table>
        <caption class="unseen">Best {RUNGS} levels a side, asks above bids</caption>
        <thead><tr><th scope="col" class="at-right">Sum</th><th scope="col" class="at-right">Quantity</th><th scope="col" class="at-right">Price</th></tr></thead>
        <tbody ref={body} />
      </table>
    </section>
  );
}
