import type { Trust } from '../market/verdict';

/** The sign of a judgement: its shape says the same as its colour. */
export function Mark({ trust, size = 16 }: { trust: Trust; size?: number }) {
  return (
    <svg class={`mark mark-${trust}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {trust === 'good' && <><circle cx="8" cy="8" r="8" /><path class="stroke" d="M4.4 8.4 7 10.9l4.7-5.4" /></>}
      {trust === 'care' && <><path d="M8 .8 15.7 14.6H.3z" /><path class="stroke" d="M8 5.6v4M8 12.1v.4" /></>}
      {trust === 'bad' && <><path d="M4.8.3h6.4l4.5 4.5v6.4l-4.5 4.5H4.8L.3 11.2V4.8z" /><path class="stroke" d="m5.3 5.3 5.4 5.4m0-5.4-5.4 5.4" /></>}
      {trust === 'unknown' && <><circle class="hollow" cx="8" cy="8" r="6.8" /><path class="hollow" d="M5 8h6" /></>}
    </svg>
  );
}
