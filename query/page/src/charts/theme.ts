/** Colours and fonts of the drawn charts, read from the style sheet, so that there is one palette. */

import { signal } from '@preact/signals';

export interface Palette {
  ground: string;
  surface: string;
  text: string;
  muted: string;
  line: string;
  bid: string;
  ask: string;
  accent: string;
  dark: boolean;
}

export const theme = signal<'dark' | 'light'>(document.documentElement.dataset['theme'] === 'light' ? 'light' : 'dark');

let cached: Palette | null = null;

export function palette(): Palette {
  if (cached) return cached;
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  cached = {
    ground: read('--ground'),
    surface: read('--surface'),
    text: read('--text'),
    muted: read('--muted'),
    line: read('--line'),
    bid: read('--bid'),
    ask: read('--ask'),
    accent: read('--accent'),
    dark: theme.value === 'dark',
  };
  return cached;
}

export function chooseTheme(next: 'dark' | 'light'): void {
  document.documentElement.dataset['theme'] = next;
  cached = null;
  theme.value = next;
  try {
    localStorage.setItem('theme', next);
  } catch {
    // Storage is refused: the choice lasts as long as the page.
  }
}

export const FONT = "'Inter Variable', system-ui, sans-serif";
