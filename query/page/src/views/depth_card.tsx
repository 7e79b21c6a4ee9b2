import { useEffect, useRef, useState } from 'preact/hooks';
import { watchSize } from '../charts/canvas';
import { Heatmap } from '../charts/heatmap';
import { LIVE_STEP, LIVE_SPAN } from '../market/live_symbol';
import { PAST_SPAN } from '../market/past_symbol';
import { usePainter, type View } from './symbol';

const SPANS = [[60_000, '1 min'], [180_000, '3 min'], [LIVE_SPAN, '5 min']] as const;
const PAINT_EVERY = 120;

export function DepthCard({ view }: { view: View }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const box = useRef<HTMLDivElement>(null);
  const map = useRef<Heatmap | null>(null);
  const paintedAt = useRef(0);
  const [span, setSpan] = useState<number>(180_000);
  const past = view.looking.at !== null;

  const paint = (anyway: boolean) => {
    const now = performance.now();
    if (!map.current || (!anyway && now - paintedAt.current < PAINT_EVERY)) return;
    paintedAt.current = now;
    map.current.draw({ ...sceneOf(view, span), tick: view.tick, decimals: view.decimals });
  };
  usePainter(view, () => paint(false));
  useEffect(() => {
    if (!canvas.current || !box.current) return;
    map.current = new Heatmap(canvas.current);
    return watchSize(box.current, (width, height) => {
      map.current?.resize(width, height);
      paint(true);
    });
  }, []);
  useEffect(() => paint(true), [view.looking.at, span]);

  const offset = (event: MouseEvent) => {
    const rect = canvas.current?.getBoundingClientRect();
    return { x: event.clientX - (rect?.left ?? 0), y: event.clientY - (rect?.top ?? 0) };
  };
  return (
    <section class="card depth" aria-label="Depth over time">
      <div class="card-head">
        <h2>Depth over time <span class="muted">stronger colour is deeper · circles are trades</span></h2>
        <div class="choice" role="group" aria-label="Time shown">
          {SPANS.map(([ms, name]) => (
            <button type="button" aria-pressed={!past && span === ms} disabled={past} onClick={() => setSpan(ms)}>{name}</button>
          ))}
        </div>
        <div class="choice" role="group" aria-label="Prices shown">
          <button type="button" aria-label="Fewer prices" title="Fewer prices" onClick={() => map.current?.zoomBy(1 / 1.5)}>+</button>
          <button type="button" aria-label="More prices" title="More prices" onClick={() => map.current?.zoomBy(1.5)}>−</button>
        </div>
      </div>
      <div class="canvas-box" ref={box}>
        <canvas ref={canvas} role="img" aria-label={`Depth of the book of ${view.symbol} over time; the same figures are in the book beside it`}
          onPointerMove={(event) => {
            const { x, y } = offset(event);
            map.current?.point(x, y);
          }}
          onPointerLeave={() => map.current?.point(null, 0)}
          onClick={(event) => {
            const at = map.current?.timeAt(offset(event).x);
            if (at && view.past.bounds.value) view.look(at);
          }} />
      </div>
    </section>
  );
}

function sceneOf(view: View, span: number) {
  const { live, past, looking } = view;
  if (looking.at !== null) {
    const from = past.from || looking.at - PAST_SPAN / 2;
    return { history: past.depth, trades: past.trades, from, until: from + PAST_SPAN, mid: past.book.mid, cursor: looking.at };
  }
  const until = (Math.floor(live.clock / LIVE_STEP) + 1) * LIVE_STEP;
  return { history: live.depth, trades: live.trades, from: until - span, until, mid: live.book.mid, cursor: null };
}
