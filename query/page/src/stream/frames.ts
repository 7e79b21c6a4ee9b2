/** Painting once a frame at most: what changed is marked, and painted together when the browser next draws. */

type Painter = () => void;

const marked = new Set<Painter>();
let asked = false;

export function paintSoon(painter: Painter): void {
  marked.add(painter);
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    const painters = [...marked];
    marked.clear();
    for (const paint of painters) paint();
  });
}

export function forget(painter: Painter): void {
  marked.delete(painter);
}
