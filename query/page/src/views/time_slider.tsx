/** Live, or a time of the past: the slider spans what the lake can replay. */

import { useEffect, useState } from 'preact/hooks';
import { clock, date, rfc3339 } from '../format/time';
import type { Bounds } from '../market/past_symbol';

export interface Looking {
  at: number | null;
  playing: boolean;
  speed: number;
}

interface Props {
  bounds: Bounds | null;
  looking: Looking;
  loading: boolean;
  failure: string | null;
  look: (next: Looking) => void;
}

const SPEEDS = [1, 5, 20, 60];

export function TimeSlider({ bounds, looking, loading, failure, look }: Props) {
  const { at, playing, speed } = looking;
  useEffect(() => {
    if (!playing || at === null || !bounds) return;
    const timer = setTimeout(() => {
      const next = at + 250 * speed;
      look(next >= bounds.latest ? { at: null, playing: false, speed } : { ...looking, at: next });
    }, 250);
    return () => clearTimeout(timer);
  }, [looking, bounds]);

  const clamp = (time: number) => (bounds ? Math.max(bounds.earliest, Math.min(bounds.latest, time)) : time);
  const moveTo = (time: number) => look({ ...looking, at: clamp(time), playing: false });
  const [unread, setUnread] = useState<string | null>(null);
  /** What somebody is writing; what is shown moves no further meanwhile. */
  const [draft, setDraft] = useState<string | null>(null);
  const typed = (text: string) => {
    const time = Date.parse(`${text.trim().replace(' ', 'T').replace(/Z$/, '')}Z`);
    setUnread(Number.isFinite(time) ? null : `“${text}” is no time: expected one like 2026-11-21 10:00:00.`);
    if (Number.isFinite(time)) look({ ...looking, at: time, playing: false });
  };
  useEffect(() => setUnread(null), [at]);
  const value = at ?? bounds?.latest ?? 0;
  const isWithin = bounds !== null && at !== null && at >= bounds.earliest && at <= bounds.latest;
  const moment = at === null ? '' : rfc3339(at).slice(0, 19).replace('T', ' ');
  const words = at === null ? 'live' : `${date(at)} ${clock(at)} UTC`;
  return (
    <section class="card slider" aria-label="Time">
      <button type="button" class={at === null ? 'live on' : 'live'} aria-pressed={at === null} title="Back to live (l)" onClick={() => look({ ...looking, at: null, playing: false })}>
        <i aria-hidden="true" />Live
      </button>
      <button type="button" disabled={!isWithin} onClick={() => look({ ...looking, playing: !playing })}>{playing ? 'Pause' : 'Play'}</button>
      <label>
        <span class="unseen">Speed</span>
        <select value={speed} disabled={!bounds} onChange={(event) => look({ ...looking, speed: Number(event.currentTarget.value) })}>
          {SPEEDS.map((times) => <option value={times}>{times}×</option>)}
        </select>
      </label>
      <span class="when muted">{bounds ? `${date(bounds.earliest)} ${clock(bounds.earliest)}` : 'No past yet'}</span>
      <input type="range" aria-label="Time looked at" aria-valuetext={words} disabled={!bounds} min={bounds?.earliest ?? 0} max={bounds?.latest ?? 1} step={250} value={value}
        onInput={(event) => moveTo(Number(event.currentTarget.value))}
        onKeyDown={(event) => {
          const way = event.key === 'ArrowLeft' ? -1 : event.key === 'ArrowRight' ? 1 : 0;
          if (!way) return;
          event.preventDefault();
          moveTo(value + way * (event.shiftKey ? 10_000 : 1000));
        }} />
      <label class="moment">
        <span class="unseen">Time looked at, UTC</span>
        <input type="text" size={19} autocomplete="off" spellcheck={false} placeholder="2026-11-21 10:00:00" value={draft ?? moment}
          onFocus={() => {
            setDraft(moment);
            if (playing) look({ ...looking, playing: false });
          }}
          onInput={(event) => setDraft(event.currentTarget.value)}
          onBlur={() => setDraft(null)}
          onChange={(event) => typed(event.currentTarget.value)} />
      </label>
      <p class="said" role="status">{unread ?? (failure && at !== null ? failure : loading ? 'Reading from the lake…' : '')}</p>
    </section>
  );
}
