/** All symbols in one table, and above it the one answer that everybody wants first. */

import { signal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { theme } from '../charts/theme';
import { fixed } from '../format/number';
import { health, instrumentVersion, listings, symbolCount, watchMarket } from '../market/market';
import { levelFigure, levelName, used } from '../market/verdict';
import { now } from '../parts/clock';
import { verdict } from '../parts/header';
import { useKeys } from '../parts/keys';
import { Mark } from '../parts/mark';
import { connection } from '../stream/connection';
import { MarketTable, type SortKey } from './market_table';

const filter = signal('');
const sorting = signal<{ key: SortKey; down: boolean }>({ key: 'symbol', down: false });

const HEADS: [SortKey, string, string, string][] = [
  ['symbol', 'Symbol', 'left', ''],
  ['price', 'Mid price', 'price', 'Middle between the best bid and the best ask'],
  ['change', 'Change', 'right', 'Over 24 hours, or since the line on the right begins'],
  ['spread', 'Spread, bps', 'right', 'Best ask less best bid, in basis points of the mid'],
  ['imbalance', 'Imbalance', 'centre', 'Bids less asks of the best levels, as a share of both'],
  ['rate', 'Updates/s', 'right', 'Changes of the book in a second'],
  ['age', 'Age', 'right', 'Since the newest message about the book'],
  ['state', 'State', 'left', ''],
];

export function Overview() {
  return (
    <>
      <h1 class="unseen">Overview</h1>
      <Trust />
      <Markets />
    </>
  );
}

const isTime = (unit: string) => unit === 'ms' || unit === 's';

function Trust() {
  const { trust, sentence, reasons } = verdict.value;
  const said = health.value;
  return (
    <section class={`trust trust-${trust}`} aria-label="Can the data be trusted?">
      <div class="trust-answer">
        <Mark trust={trust} size={44} />
        <div>
          <p class="trust-sentence" role="status">{sentence}</p>
          {reasons.length > 0 && <ul>{reasons.map((reason) => <li>{reason}</li>)}</ul>}
          {trust === 'good' && <p class="muted"><Pace /></p>}
        </div>
      </div>
      {said && (
        <dl class="levels">
          {said.service_levels.map((level) => (
            <div class={level.status === 'ok' ? '' : 'missed'}>
              <dt>{levelName(level)}</dt>
              <dd>{levelFigure(level.value, isTime(level.unit) ? level.unit : '')}</dd>
              <dd class="target">{level.target === null ? '' : `of at most ${levelFigure(level.target, isTime(level.unit) ? level.unit : '')}`}</dd>
              <Meter share={used(level)} />
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}

/** How near a promise is to being missed; in words it stands above. */
function Meter({ share }: { share: number | null }) {
  if (share === null) return null;
  // A step at a time, so that nothing flickers.
  const length = Math.max(0.02, Math.round(share * 50) / 50);
  return <dd class="meter" aria-hidden="true"><i style={{ transform: `scaleX(${length})` }} /></dd>;
}

/** How much is going on. What the promises measure stands beside it, and only there: measured twice, it would differ. */
function Pace() {
  now.value;
  let rate = 0;
  for (const row of listings()) rate += row.ticker?.updates_per_second ?? 0;
  return <>{fixed(rate, 0)} updates a second · every promise judged once a second</>;
}

function Markets() {
  const body = useRef<HTMLTableSectionElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const table = useRef<MarketTable | null>(null);
  const found = useRef<HTMLParagraphElement>(null);

  useEffect(() => {
    if (!body.current) return;
    const made = new MarketTable(body.current);
    table.current = made;
    made.arrange(sorting.value, filter.value);
    const stop = watchMarket((changed) => made.changed(changed));
    return () => {
      stop();
      made.close();
      table.current = null;
    };
  }, []);
  useSignalEffect(() => {
    symbolCount.value;
    instrumentVersion.value;
    const shown = table.current?.arrange(sorting.value, filter.value);
    if (found.current) found.current.textContent = shown === 0 && symbolCount.value > 0 ? `No symbol has “${filter.value}” in its name.` : '';
  });
  useSignalEffect(() => table.current?.ages(now.value, connection.value.phase === 'open'));
  useSignalEffect(() => {
    theme.value;
    table.current?.repaint();
  });
  useKeys((key, event) => {
    if (key === '/') {
      event.preventDefault();
      search.current?.focus();
    } else if (key === 'j' || key === 'k') table.current?.step(key === 'j' ? 1 : -1);
  });

  const sortBy = (key: SortKey) => {
    const { key: before, down } = sorting.value;
    sorting.value = { key, down: before === key ? !down : key !== 'symbol' && key !== 'state' };
  };
  return (
    <section class="card markets" aria-label="All symbols">
      <div class="card-head">
        <h2>Symbols <span class="muted">{symbolCount}</span></h2>
        <label class="find">
          <span class="unseen">Find a symbol</span>
          <input ref={search} type="search" placeholder="Find a symbol" autocomplete="off" spellcheck={false} value={filter} onInput={(event) => (filter.value = event.currentTarget.value)}
            onKeyDown={(event) => {
              if (event.key === 'Enter') table.current?.open();
              if (event.key === 'Escape') {
                filter.value = '';
                event.currentTarget.blur();
              }
            }} />
          <kbd aria-hidden="true">/</kbd>
        </label>
      </div>
      <table class="market">
        <thead>
          <tr>
            {HEADS.map(([key, name, side, meaning]) => (
              <th scope="col" class={`at-${side} col-${key}`} aria-sort={sorting.value.key === key ? (sorting.value.down ? 'descending' : 'ascending') : undefined}>
                <button type="button" title={meaning || undefined} onClick={() => sortBy(key)}>{name}<i aria-hidden="true" /></button>
              </th>
            ))}
            <th scope="col" class="at-right col-trail">Last hour</th>
          </tr>
        </thead>
        <tbody ref={body} />
      </table>
      <p ref={found} class="notice" role="status" />
    </section>
  );
}
