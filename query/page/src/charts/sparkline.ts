/** The small line of a table row: the last hour at most, the newest point marked, its colour by the sign of the change. */

import type { Series } from '../market/series';
import { sharpContext } from './canvas';
import { palette } from './theme';

export function drawSparkline(canvas: HTMLCanvasElement, trail: Series, width: number, height: number): void {
  const context = sharpContext(canvas, width, height);
  if (!context) return;
  context.clearRect(0, 0, width, height);
  if (trail.length < 2) return;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < trail.length; index += 1) {
    low = Math.min(low, trail.value(index));
    high = Math.max(high, trail.value(index));
  }
  const from = trail.time(0);
  const span = trail.lastTime - from || 1;
  const range = high - low || 1;
  const x = (index: number) => 1 + ((trail.time(index) - from) / span) * (width - 5);
  const flat = high === low;
  const y = (index: number) => (flat ? height / 2 : height - 3 - ((trail.value(index) - low) / range) * (height - 6));
  const colours = palette();
  const colour = trail.last >= trail.value(0) ? colours.bid : colours.ask;
  context.beginPath();
  for (let index = 0; index < trail.length; index += 1) {
    if (index === 0) context.moveTo(x(index), y(index));
    else context.lineTo(x(index), y(index));
  }
  context.strokeStyle = colour;
  context.lineWidth = 1.25;
  context.lineJoin = 'round';
  context.stroke();
  context.lineTo(x(trail.length - 1), height);
  context.lineTo(x(0), height);
  context.closePath();
  context.globalAlpha = 0.1;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
  context.beginPath();
  context.arc(x(trail.length - 1), y(trail.length - 1), 1.8, 0, Math.PI * 2);
  context.fill();
}
