import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Candles } from '../charts/candles';
import type { View } from './symbol';

export function BarsCard({ view }: { view: View }) {
  const place = useRef<HTMLDivElement>(null);
  const reading = useRef<HTMLSpanElement>(null);
  const candles = useRef<Candles | null>(null);
  useEffect(() => {
    if (!place.current) return;
    const made = new Candles(place.current, () => view.decimals, (words) => {
      if (reading.current) reading.current.textContent = words;
    });
    candles.current = made;
    made.show(view.live.bars);
    return () => made.close();
  }, []);
  useSignalEffect(() => {
    view.live.barVersion.value;
    candles.current?.show(view.live.bars);
  });
  useEffect(() => candles.current?.mark(view.looking.at), [view.looking.at]);
  return (
    <section class="card bars" aria-label="Bars">
      <div class="card-head">
        <h2>Minute bars <span class="muted">volume below · dashed: VWAP</span></h2>
        <span class="reading" ref={reading} />
      </div>
      <div class="plot" ref={place} />
    </section>
  );
}
