/** A box for SQL: statement, answer as a table and as a chart, and the answer to take away. */

import { useEffect, useRef, useState } from 'preact/hooks';
import * as api from '../api/client';
import type { SqlAnswer } from '../api/types';
import { count } from '../format/number';
import { span } from '../format/time';
import { valueText } from '../format/value';
import { DataTable } from '../parts/data_table';
import { AnswerChart, chartable } from './answer_chart';
import { Editor } from './editor';

const MOST_ROWS = 10_000;

const EXAMPLES: [string, string][] = [
  ['Newest bars', 'SELECT symbol, open_time, open, high, low, close, volume, trades\nFROM normalized.ohlcv_1m\nWHERE is_current\nORDER BY open_time DESC, symbol\nLIMIT 100'],
  ['Spread by symbol', 'SELECT symbol, count(*) AS updates, avg(spread_bps) AS spread_bps\nFROM normalized.book_ticker\nGROUP BY symbol\nORDER BY spread_bps'],
  ['Trades a minute', "SELECT date_trunc('minute', event_time) AS minute, count(*) AS trades\nFROM normalized.trades\nGROUP BY 1\nORDER BY 1"],
  ['Gaps and silences', 'SELECT *\nFROM ops.feed_events\nORDER BY received_at DESC\nLIMIT 100'],
];

/** The statement outlives the view, so that a look elsewhere loses nothing. */
let statement = EXAMPLES[0]?.[1] ?? '';

type Shown =
  | { kind: 'nothing' }
  | { kind: 'running'; since: number }
  | { kind: 'answer'; query: string; answer: SqlAnswer }
  | { kind: 'failure'; message: string };

export function SqlView() {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<Editor | null>(null);
  const running = useRef<AbortController | null>(null);
  const [shown, show] = useState<Shown>({ kind: 'nothing' });
  const [chart, setChart] = useState(false);

  const run = async () => {
    const query = statement.trim().replace(/;\s*$/, '');
    if (!query) return;
    running.current?.abort();
    const asking = new AbortController();
    running.current = asking;
    show({ kind: 'running', since: Date.now() });
    try {
      const answer = await api.sql(query, MOST_ROWS, asking.signal);
      show({ kind: 'answer', query, answer });
    } catch (error) {
      if (running.current !== asking) return;
      show(asking.signal.aborted ? { kind: 'failure', message: 'Stopped.' } : { kind: 'failure', message: api.explain(error) });
    }
  };
  useEffect(() => {
    if (!host.current) return;
    const made = new Editor(host.current, statement, () => void run(), (text) => (statement = text));
    editor.current = made;
    void learnNames(made);
    return () => {
      running.current?.abort();
      running.current = null;
      made.close();
    };
  }, []);
  const drawable = shown.kind === 'answer' && chartable(shown.answer);
  return (
    <div class="sql">
      <h1 class="unseen">SQL</h1>
      <section class="card" aria-label="Statement">
        <div class="card-head">
          <h2>Statement</h2>
          <label class="examples">
            <span class="unseen">Examples</span>
            <select value="" onChange={(event) => {
              const example = EXAMPLES[Number(event.currentTarget.value)];
              event.currentTarget.value = '';
              if (example && editor.current) editor.current.text = example[1];
            }}>
              <option value="">Examples</option>
              {EXAMPLES.map(([name], index) => <option value={index}>{name}</option>)}
            </select>
          </label>
          {shown.kind === 'running'
            ? <button type="button" onClick={() => running.current?.abort()}>Stop</button>
            : <button type="button" class="primary" title="Ctrl Enter" onClick={() => void run()}>Run</button>}
        </div>
        <div class="editor" ref={host} />
      </section>
      <section class="card" aria-label="Answer">
        <div class="card-head">
          <h2>Answer <span class="muted" role="status">{summary(shown)}</span></h2>
          {shown.kind === 'answer' && (
            <>
              <div class="choice" role="group" aria-label="Shown as">
                <button type="button" aria-pressed={!chart || !drawable} onClick={() => setChart(false)}>Table</button>
                <button type="button" aria-pressed={chart && drawable} disabled={!drawable} onClick={() => setChart(true)}>Chart</button>
              </div>
              <Downloads query={shown.query} failed={(message) => show({ kind: 'failure', message })} />
            </>
          )}
        </div>
        {shown.kind === 'failure' && <pre class="notice bad" role="alert">{shown.message}</pre>}
        {shown.kind === 'nothing' && <p class="notice">Ctrl Enter runs the statement.</p>}
        {shown.kind === 'answer' && (chart && drawable
          ? <AnswerChart answer={shown.answer} />
          : <DataTable name="Answer" columns={shown.answer.columns} rows={shown.answer.rows} height={Math.max(280, innerHeight - 460)} />)}
      </section>
    </div>
  );
}

function summary(shown: Shown): string {
  if (shown.kind === 'running') return 'running…';
  if (shown.kind !== 'answer') return '';
  const { rows, elapsed_ms, truncated } = shown.answer;
  return `${truncated ? `the first ${count(rows.length)}` : count(rows.length)} ${rows.length === 1 ? 'row' : 'rows'} in ${span(elapsed_ms)}`;
}

function Downloads({ query, failed }: { query: string; failed: (message: string) => void }) {
  const save = async (format: 'csv' | 'parquet') => {
    try {
      const address = URL.createObjectURL(await api.download(query, format));
      const link = document.createElement('a');
      link.href = address;
      link.download = `answer.${format}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(address), 10_000);
    } catch (error) {
      failed(api.explain(error));
    }
  };
  return (
    <>
      <button type="button" onClick={() => void save('csv')}>csv</button>
      <button type="button" onClick={() => void save('parquet')}>parquet</button>
    </>
  );
}

async function learnNames(editor: Editor): Promise<void> {
  try {
    const { rows } = await api.sql('SELECT table_schema, table_name, column_name FROM information_schema.columns', 20_000);
    const tables = new Map<string, string[]>();
    for (const [schema, table, column] of rows) {
      const name = `${valueText(schema ?? null)}.${valueText(table ?? null)}`;
      const columns = tables.get(name) ?? [];
      columns.push(valueText(column ?? null));
      tables.set(name, columns);
    }
    editor.complete(tables);
  } catch {
    // Keywords are completed all the same.
  }
}
