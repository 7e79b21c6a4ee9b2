/** What a time axis shows, in seconds. */

/** From before the first bar, or 25 minutes, to after the last; uPlot's own ends of a single bar are a day apart. */
export function timeRange(times: ArrayLike<number>): [number, number] {
  const last = times[times.length - 1] ?? 0;
  return [Math.min(times[0] ?? 0, last - 1500) - 45, last + 45];
}
