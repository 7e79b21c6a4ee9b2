/** Where one is: the page's own addresses, changed without loading anything anew. */

import { signal } from '@preact/signals';

export type Route = { view: 'overview' } | { view: 'symbol'; symbol: string | null } | { view: 'lake' } | { view: 'sql' } | { view: 'nowhere' };

export function parseRoute(path: string): Route {
  const [first, second, ...rest] = path.split('/').filter(Boolean);
  if (rest.length) return { view: 'nowhere' };
  if (first === undefined) return { view: 'overview' };
  if (first === 'symbol') return { view: 'symbol', symbol: second === undefined ? null : decoded(second) };
  if ((first === 'lake' || first === 'sql') && second === undefined) return { view: first };
  return { view: 'nowhere' };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = signal<Route>(parseRoute(location.pathname));

export function go(path: string): void {
  if (path === location.pathname) return;
  history.pushState(null, '', path);
  route.value = parseRoute(path);
  scrollTo(0, 0);
  document.getElementById('main')?.focus({ preventScroll: true });
}

export function symbolPath(symbol: string): string {
  return `/symbol/${encodeURIComponent(symbol)}`;
}

export function followAddress(): void {
  addEventListener('popstate', () => {
    route.value = parseRoute(location.pathname);
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element).closest('a');
    if (!link || link.origin !== location.origin || link.target || link.hasAttribute('download') || link.hash) return;
    if (parseRoute(link.pathname).view === 'nowhere') return;
    event.preventDefault();
    go(link.pathname);
  });
}
