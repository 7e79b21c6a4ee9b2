/** Rows of any answer. Only those in sight are in the document, so that a hundred thousand are as light as fifty. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Column, Value } from '../api/types';
import { isNumeric, valueText } from '../format/value';

const ROW = 30;
const MARGIN = 12;

interface Props {
  name: string;
  columns: readonly Column[];
  rows: readonly Value[][];
  height: number;
}

export function DataTable({ name, columns, rows, height }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const widths = useMemo(() => columns.map((column, index) => widthOf(column, rows, index)), [columns, rows]);
  useEffect(() => {
    box.current?.scrollTo(0, 0);
    setTop(0);
  }, [columns]);

  const tall = Math.min(height, rows.length * ROW + 36);
  const first = Math.max(0, Math.floor(top / ROW) - MARGIN);
  const last = Math.min(rows.length, Math.ceil((top + tall) / ROW) + MARGIN);
  if (!rows.length) return <p class="notice">No rows.</p>;
  return (
    <div class="scroll data" ref={box} style={{ height: `${tall}px` }} tabIndex={0} role="region" aria-label={`${name}: rows`} onScroll={(event) => setTop(event.currentTarget.scrollTop)}>
      <table aria-rowcount={rows.length + 1} aria-label={name} style={{ width: `${widths.reduce((sum, width) => sum + width, 0)}px` }}>
        <colgroup>{widths.map((width) => <col style={{ width: `${width}px` }} />)}</colgroup>
        <thead>
          <tr aria-rowindex={1}>{columns.map((column) => <th scope="col" class={isNumeric(column) ? 'at-right' : ''} title={column.type}>{column.name}</th>)}</tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="spacer" aria-hidden="true" style={{ height: `${first * ROW}px` }}><td colSpan={columns.length} /></tr>}
          {rows.slice(first, last).map((row, index) => (
            <tr key={first + index} aria-rowindex={first + index + 2}>
              {columns.map((column, place) => <Cell column={column} value={row[place] ?? null} />)}
            </tr>
          ))}
          {last < rows.length && <tr class="spacer" aria-hidden="true" style={{ height: `${(rows.length - last) * ROW}px` }}><td colSpan={columns.length} /></tr>}
        </tbody>
      </table>
    </div>
  );
}

function Cell({ column, value }: { column: Column; value: Value }) {
  const text = valueText(value);
  const kind = `${value === null ? 'null ' : ''}${isNumeric(column) ? 'at-right' : ''}`;
  return <td class={kind} title={text.length > 24 ? text : undefined}>{text.length > 300 ? `${text.slice(0, 300)}…` : text}</td>;
}

function widthOf(column: Column, rows: readonly Value[][], index: number): number {
  let widest = column.name.length * 7;
  for (let row = 0; row < Math.min(rows.length, 200); row += 1) {
    const text = valueText(rows[row]?.[index] ?? null);
    widest = Math.max(widest, text.length * (/[A-Z]{3}/.test(text) ? 9.6 : 8));
  }
  return Math.min(420, Math.max(64, Math.round(widest + 28)));
}
