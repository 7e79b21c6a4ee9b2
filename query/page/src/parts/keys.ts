/** Keys that work everywhere; views add their own while they are shown. Nothing is taken from who is typing. */

import { useEffect } from 'preact/hooks';
import { chooseTheme, theme } from '../charts/theme';
import { helpShown } from './header';
import { go } from './route';

const PLACES: Record<string, string> = { o: '/', s: '/symbol', l: '/lake', q: '/sql' };
let going = 0;

export function typing(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function useKeys(pressed: (key: string, event: KeyboardEvent) => void): void {
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || typing(event) || document.querySelector('dialog[open]')) return;
      if (Date.now() - going < 1500) return;
      pressed(event.key, event);
    };
    addEventListener('keydown', listen);
    return () => removeEventListener('keydown', listen);
  });
}

export function followKeys(): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event)) return;
    const place = PLACES[event.key];
    if (place && Date.now() - going < 1500) {
      event.preventDefault();
      event.stopImmediatePropagation();
      going = 0;
      go(place);
    } else if (event.key === 'g') going = Date.now();
    else if (event.key === 't') chooseTheme(theme.value === 'dark' ? 'light' : 'dark');
    else if (event.key === '?') helpShown.value = true;
  });
}
