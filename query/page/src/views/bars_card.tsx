import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Candles } from '../charts/candles';
import { milliseconds } from '../format/time';
import type { View } from './symbol';

export function BarsCard({ view }: { view: View }) {
  const place = useRef<HTMLDivElement>(null);
  const reading = useRef<HTMLSpanElement>(null);
  const candles = useRef<Candles | null>(null);
  // The bars of now are shown as long as they reach back to the time looked at, and until those of then have come.
  const shown = () => {
    const { live, past, looking } = view;
    const reaches = looking.at === null || milliseconds(live.bars[0]?.open_time) <= looking.at;
    return reaches || !past.bars.length ? live.bars : past.bars;
  };
  useEffect(() => {
    if (!place.current) return;
    const made = new Candles(place.current, () => view.decimals, (words) => {
      if (reading.current) reading.current.textContent = words;
    });
    candles.current = made;
    made.show(shown());
    return () => made.close();
  }, []);
  const show = useRef(shown);
  show.current = shown;
  useSignalEffect(() => {
    view.live.barVersion.value;
    view.past.barVersion.value;
    candles.current?.show(show.current());
  });
  useEffect(() => candles.current?.show(shown()), [view.looking.at]);
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
