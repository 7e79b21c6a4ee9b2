import { useEffect, useRef } from 'preact/hooks';
import { FigureLine, type LineStyle } from '../charts/figure_line';
import { basisPoints, short, signed } from '../format/number';
import { span } from '../format/time';
import type { Figure } from '../market/live_symbol';
import { PAST_SPAN } from '../market/past_symbol';
import { usePainter, type View } from './symbol';

const LIVE_SECONDS = 180;

interface Shown {
  name: string;
  meaning: string;
  figures: Figure[];
  style: LineStyle;
  say: (values: (number | null)[]) => string;
}

const SHOWN: Shown[] = [
  {
    name: 'Spread', meaning: 'bps', figures: ['spread'], style: { kind: 'line', colours: ['text'], centred: false },
    say: ([value]) => basisPoints(value),
  },
  {
    name: 'Imbalance', meaning: 'five levels', figures: ['imbalance'], style: { kind: 'columns', colours: ['text'], centred: true },
    say: ([value]) => signed(value, 2),
  },
  {
    name: 'Microprice', meaning: 'bps from the mid', figures: ['skew'], style: { kind: 'line', colours: ['text'], centred: true },
    say: ([value]) => signed(value, 3),
  },
  {
    name: 'Order-flow imbalance', meaning: 'best prices', figures: ['flow'], style: { kind: 'columns', colours: ['text'], centred: true },
    say: ([value]) => (value === null || value === undefined ? '–' : value < 0 ? `−${short(-value)}` : short(value)),
  },
  {
    name: 'Latency', meaning: 'to us, then to the screen', figures: ['lag', 'screen'], style: { kind: 'line', colours: ['text', 'accent'], centred: false },
    say: ([lag, screen]) => (lag === null && screen === null ? '–' : `${span(lag)} + ${span(screen)}`),
  },
];

export function FigureCards({ view }: { view: View }) {
  return <div class="figures">{SHOWN.map((shown) => <FigureCard key={shown.name} view={view} shown={shown} />)}</div>;
}

function FigureCard({ view, shown }: { view: View; shown: Shown }) {
  const place = useRef<HTMLDivElement>(null);
  const value = useRef<HTMLElement>(null);
  const newest = useRef(view);
  newest.current = view;
  useEffect(() => {
    if (!place.current) return;
    const line = new FigureLine(place.current, shown.style);
    const show = () => {
      const { live, past, looking } = newest.current;
      const { at } = looking;
      const figures = at === null ? live.figures : past.figures;
      const columns = shown.figures.map((name) => figures.column(name));
      line.show(figures.times, columns, at === null ? LIVE_SECONDS : PAST_SPAN / 1000);
    };
    show();
    const timer = setInterval(show, 500);
    return () => {
      clearInterval(timer);
      line.close();
    };
  }, []);
  usePainter(view, () => {
    const { live, past, looking } = newest.current;
    const { at } = looking;
    const place = at === null ? -1 : past.figures.times.findLastIndex((time) => time * 1000 <= at);
    const words = shown.say(shown.figures.map((name) => (at === null ? live.newest(name) : (past.figures.column(name)[place] ?? null))));
    if (value.current && value.current.textContent !== words) value.current.textContent = words;
  });
  return (
    <section class="card figure" aria-label={shown.name}>
      <div class="card-head"><h2>{shown.name} <span class="muted">{shown.meaning}</span></h2><strong ref={value}>–</strong></div>
      <div class="plot" ref={place} />
    </section>
  );
}
