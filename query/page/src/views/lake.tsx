/** The lake: what is in it, how fresh it is, who cares for it, and what went wrong. */

import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/client';
import type { DayVolume, DeadLetter, Job, Lake, LakeTable, Rows, Value } from '../api/types';
import { bytes, count } from '../format/number';
import { ago, milliseconds, moment, span } from '../format/time';
import { valueText } from '../format/value';
import { health } from '../market/market';
import type { Trust } from '../market/verdict';
import { now } from '../parts/clock';
import { DataTable } from '../parts/data_table';
import { verdict } from '../parts/header';
import { Mark } from '../parts/mark';
import { VolumeChart } from './volume_chart';

/** Milliseconds between questions: what is cheap to answer is asked often. */
const OFTEN = 5000;
const SELDOM = 30_000;

interface Asked<T> {
  value: T | null;
  failure: string | null;
}

/** Asks at once and again every few seconds while the page is in sight; a failure leaves the last answer standing. */
function useAsked<T>(ask: (signal: AbortSignal) => Promise<T>, key: string, every = OFTEN): Asked<T> {
  const [asked, setAsked] = useState<Asked<T>>({ value: null, failure: null });
  const newest = useRef(ask);
  newest.current = ask;
  useEffect(() => {
    const leaving = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const again = async () => {
      if (document.visibilityState === 'visible') {
        try {
          const value = await newest.current(leaving.signal);
          setAsked({ value, failure: null });
        } catch (error) {
          if (leaving.signal.aborted) return;
          setAsked(({ value }) => ({ value, failure: api.explain(error) }));
        }
      }
      if (!leaving.signal.aborted) timer = setTimeout(() => void again(), every);
    };
    setAsked({ value: null, failure: null });
    void again();
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, [key]);
  return asked;
}

export function LakeView() {
  const lake = useAsked(api.lake, 'lake');
  const volume = useAsked((signal) => api.volume(14, signal), 'volume', SELDOM);
  const [table, setTable] = useState('marts.mart_liquidity');
  return (
    <>
      <h1 class="unseen">Lake</h1>
      <Summary lake={lake.value} />
      <div class="lake">
        <section class="card tables" aria-label="Tables">
          <div class="card-head"><h2>Tables <span class="muted">choose one to see its latest rows</span></h2></div>
          <Failure of={lake} />
          {lake.value && <Tables tables={lake.value.tables} chosen={table} choose={setTable} />}
        </section>
        <section class="card" aria-label="Rows a day">
          <div class="card-head"><h2>Rows a day <span class="muted">of the last fourteen</span></h2></div>
          <Failure of={volume} />
          {volume.value && <Volume days={volume.value.days} chosen={table} />}
        </section>
        <section class="card" aria-label="Jobs">
          <div class="card-head"><h2>Jobs</h2></div>
          {lake.value && <Jobs jobs={lake.value.jobs} />}
        </section>
        <Latest key={table} table={table} />
        <DeadLetters />
        <Breaks jobs={lake.value?.jobs ?? []} />
      </div>
    </>
  );
}

function Failure<T>({ of }: { of: Asked<T> }) {
  if (of.failure) return <p class="notice bad" role="alert">{of.failure}{of.value ? ' Shown is what was known before.' : ''}</p>;
  return of.value ? null : <p class="notice">Asking…</p>;
}

function Summary({ lake }: { lake: Lake | null }) {
  const { trust, word } = verdict.value;
  const at = now.value;
  const commit = milliseconds(health.value?.lake.last_commit);
  const sums = (lake?.tables ?? []).reduce((sum, table) => ({ bytes: sum.bytes + table.bytes, files: sum.files + table.files }), { bytes: 0, files: 0 });
  return (
    <dl class="summary">
      <div><dt>Total records</dt><dd>{count(lake?.total_records)}</dd></div>
      <div><dt>Last ingestion</dt><dd>{lake ? ago(milliseconds(lake.last_ingestion), at) : '–'}</dd></div>
      <div><dt>Last commit</dt><dd>{Number.isFinite(commit) ? ago(commit, at) : '–'}</dd></div>
      <div><dt>Size</dt><dd>{lake ? bytes(sums.bytes) : '–'}</dd></div>
      <div><dt>Files</dt><dd>{lake ? count(sums.files) : '–'}</dd></div>
      <div><dt>Health</dt><dd class="health"><Mark trust={trust} size={20} />{word}</dd></div>
    </dl>
  );
}

function Tables({ tables, chosen, choose }: { tables: LakeTable[]; chosen: string; choose: (table: string) => void }) {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Tables of the lake">
      <table>
        <thead>
          <tr><th scope="col">Table</th><th scope="col" class="at-right">Rows</th><th scope="col" class="at-right">Size</th><th scope="col" class="at-right">Files</th><th scope="col" class="at-right">Snapshots</th><th scope="col" class="at-right">Last commit</th></tr>
        </thead>
        <tbody>
          {tables.map(({ table, rows, bytes: size, files, snapshots, last_commit }) => (
            <tr key={table} class={table === chosen ? 'chosen' : ''}>
              <th scope="row"><button type="button" class="link" aria-pressed={table === chosen} onClick={() => choose(table)}><Named table={table} /></button></th>
              <td class="at-right">{count(rows)}</td>
              <td class="at-right">{bytes(size)}</td>
              <td class="at-right">{count(files)}</td>
              <td class="at-right">{count(snapshots)}</td>
              <td class="at-right">{ago(milliseconds(last_commit), now.value)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Named({ table }: { table: string }) {
  const [schema, name] = table.split('.');
  return name ? <><span class="muted">{schema}.</span>{name}</> : <>{table}</>;
}

function Volume({ days, chosen }: { days: DayVolume[]; chosen: string }) {
  const [all, setAll] = useState(true);
  return (
    <>
      <div class="choice in-card" role="group" aria-label="Of which tables">
        <button type="button" aria-pressed={all} onClick={() => setAll(true)}>All tables</button>
        <button type="button" aria-pressed={!all} onClick={() => setAll(false)}>{chosen}</button>
      </div>
      <VolumeChart days={all ? days : days.filter(({ table }) => table === chosen)} />
    </>
  );
}

function Jobs({ jobs }: { jobs: Job[] }) {
  if (!jobs.length) return <p class="notice">No job has run yet.</p>;
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Jobs and their last runs">
      <table>
        <thead><tr><th scope="col">Job</th><th scope="col" class="at-right">Last run</th><th scope="col" class="at-right">Took</th><th scope="col">What it did</th></tr></thead>
        <tbody>
          {jobs.map(({ name, last_run, duration_ms, outcome, detail, done, total }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="at-right">{ago(milliseconds(last_run), now.value)}</td>
              <td class="at-right">{span(duration_ms)}</td>
              <td class="outcome">
                <p><Mark trust={trustOf(outcome, done)} size={13} />{outcome === 'failed' ? `failed: ${detail}` : (figures(done) ?? OUTCOMES[outcome ?? 'never'] ?? outcome)}</p>
                {Object.values(total).some((figure) => figure > 0) && <p class="muted">since the start {figures(total)}</p>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const OUTCOMES: Record<string, string> = { committed: 'committed', never: 'has not run yet' };

function trustOf(outcome: string | null, done: Record<string, number>): Trust {
  if (!outcome || outcome === 'never') return 'unknown';
  return outcome === 'failed' || done['breaks'] ? 'care' : 'good';
}

/** What a job did, in words, or null where it is not known; nothing but zeros is said to be nothing. */
function figures(done: Record<string, number>): string | null {
  const all = Object.entries(done);
  if (!all.length) return null;
  const some = all.filter(([, figure]) => figure > 0);
  const said = (name: string, figure: number) => (name === 'bytes' ? bytes(figure) : `${count(figure)} ${name.replaceAll('_', ' ')}`);
  return some.length ? some.map(([name, figure]) => said(name, figure)).join(' · ') : all.length === 1 ? `no ${all[0]?.[0]}` : 'nothing';
}

function Latest({ table }: { table: string }) {
  const rows = useAsked((signal) => api.latestRows(table, 20, signal), table, SELDOM);
  return (
    <section class="card wide" aria-label="Latest rows">
      <div class="card-head"><h2>Latest rows <span class="muted">{table}</span></h2></div>
      <Failure of={rows} />
      {rows.value && <DataTable name={`Latest rows of ${table}`} columns={rows.value.columns} rows={rows.value.rows} height={330} />}
    </section>
  );
}

function DeadLetters() {
  const letters = useAsked((signal) => api.deadLetters(50, signal), 'letters', SELDOM);
  return (
    <section class="card wide" aria-label="Dead letters">
      <div class="card-head"><h2>Dead letters <span class="muted">messages that could not be used</span></h2></div>
      <Failure of={letters} />
      {letters.value?.dead_letters.length === 0 && <p class="notice"><Mark trust="good" size={14} /> None. Every message could be used.</p>}
      <ul class="letters">
        {letters.value?.dead_letters.map((letter) => <Letter key={`${letter.topic}/${letter.partition}/${letter.offset}`} letter={letter} />)}
      </ul>
    </section>
  );
}

function Letter({ letter }: { letter: DeadLetter }) {
  const { time, topic, partition, offset, symbol, reason, detail, payload, payload_bytes } = letter;
  return (
    <li>
      <details>
        <summary>
          <span class="muted">{moment(milliseconds(time))}</span> <strong>{reason}</strong> {symbol} <span class="muted">{detail}</span>
        </summary>
        <p class="muted">{topic} · partition {partition} · offset {offset} · {bytes(payload_bytes ?? payload?.length)}</p>
        <pre tabIndex={0}>{payload ?? '(no payload)'}</pre>
      </details>
    </li>
  );
}

function Breaks({ jobs }: { jobs: Job[] }) {
  const compared = jobs.find(({ name }) => name === 'reconciliation');
  const asked = useAsked((signal) => api.breaks(50, signal), 'breaks', SELDOM);
  return (
    <section class="card wide" aria-label="Reconciliation breaks">
      <div class="card-head"><h2>Reconciliation breaks <span class="muted">where a layer differs from the one before it</span></h2></div>
      <Failure of={asked} />
      {asked.value && (asked.value.breaks.length
        ? <DataTable name="Reconciliation breaks" {...tabled(asked.value.breaks)} height={300} />
        : !compared || compared.outcome === 'never'
          ? <p class="notice"><Mark trust="unknown" size={14} /> None is known, for nothing was compared yet. A running program compares every hour, <code>depthlake reconcile</code> at once.</p>
          : compared.outcome === 'failed'
            ? <p class="notice"><Mark trust="care" size={14} /> None is known, but the last comparison failed.</p>
            : <p class="notice"><Mark trust="good" size={14} /> None. Every layer holds what the one before it gives.</p>)}
    </section>
  );
}

function tabled(records: Record<string, Value>[]): Rows {
  const names = [...new Set(records.flatMap((record) => Object.keys(record)))];
  const numeric = (name: string) => records.every((record) => record[name] === null || typeof record[name] === 'number');
  return {
    columns: names.map((name) => ({ name, type: numeric(name) ? 'double' : 'varchar' })),
    rows: records.map((record) => names.map((name) => (record[name] === undefined ? null : valueText(record[name] as Value)))),
  };
}
