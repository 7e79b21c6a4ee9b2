import type { DayVolume } from '../api/types';
import { count, short } from '../format/number';

const WIDTH = 560;
const HEIGHT = 200;
const FLOOR = HEIGHT - 20;
const LEFT = 44;

/** Rows of each day as columns, the schemas stacked. */
export function VolumeChart({ days }: { days: DayVolume[] }) {
  const byDay = new Map<string, Map<string, number>>();
  for (const { day, table, rows } of days) {
    const schema = table.split('.')[0] ?? table;
    const sums = byDay.get(day) ?? new Map<string, number>();
    sums.set(schema, (sums.get(schema) ?? 0) + rows);
    byDay.set(day, sums);
  }
  const columns = [...byDay].sort(([one], [other]) => one.localeCompare(other)).map(([day, sums]) => ({ day, sums, total: [...sums.values()].reduce((a, b) => a + b, 0) }));
  if (!columns.length) return <p class="notice">No rows in these days.</p>;
  const most = Math.max(...columns.map(({ total }) => total), 1);
  const each = (WIDTH - LEFT) / Math.max(columns.length, 5);
  const schemas = [...new Set(columns.flatMap(({ sums }) => [...sums.keys()]))].sort((one, other) => rank(one) - rank(other));
  const words = columns.map(({ day, total }) => `${day}: ${count(total)}`).join(', ');
  return (
    <div class="volume">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`Rows a day. ${words}`}>
        {[1, 0.5].map((share) => (
          <g>
            <line class="grid" x1={LEFT} x2={WIDTH} y1={FLOOR - share * (FLOOR - 18)} y2={FLOOR - share * (FLOOR - 18)} />
            <text x={LEFT - 8} y={FLOOR - share * (FLOOR - 18) + 4} text-anchor="end">{short(most * share)}</text>
          </g>
        ))}
        {columns.map(({ day, sums, total }, index) => {
          let below = 0;
          return (
            <g>
              <title>{`${day}: ${count(total)} rows`}</title>
              {schemas.map((schema) => {
                const tall = ((sums.get(schema) ?? 0) / most) * (FLOOR - 18);
                below += tall;
                return <rect class={`schema-${rank(schema)}`} x={LEFT + index * each + each * 0.14} width={Math.min(each * 0.72, 60)} y={FLOOR - below} height={Math.max(0, tall - 0.5)} />;
              })}
              {(columns.length < 8 || index % 2 === columns.length % 2) && <text class="day" x={LEFT + index * each + each * 0.14 + Math.min(each * 0.36, 30)} y={HEIGHT - 5}>{day.slice(5)}</text>}
            </g>
          );
        })}
      </svg>
      <ul class="keys">{schemas.map((schema) => <li><i class={`schema-${rank(schema)}`} aria-hidden="true" />{schema}</li>)}</ul>
    </div>
  );
}

const ORDER = ['raw', 'normalized', 'marts', 'ops'];

function rank(schema: string): number {
  const place = ORDER.indexOf(schema);
  return place < 0 ? ORDER.length : place;
}
