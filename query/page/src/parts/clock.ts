import { signal } from '@preact/signals';

/** The browser's time, four times a second: for ages that grow while nothing comes. */
export const now = signal(Date.now());

setInterval(() => {
  if (document.visibilityState === 'visible') now.value = Date.now();
}, 250);
