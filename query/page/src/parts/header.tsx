/** The bar above every view: where one is, whether the figures can be trusted, and what to press. */

import { computed, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { access, logOut } from '../access/access';
import { chooseTheme, theme } from '../charts/theme';
import { span } from '../format/time';
import { health, healthAt } from '../market/market';
import { judge, type Verdict } from '../market/verdict';
import { connection, retryNow } from '../stream/connection';
import { now } from './clock';
import { Mark } from './mark';
import { route } from './route';

const seconds = computed(() => Math.floor(now.value / 1000) * 1000);
const moments = computed(() => (connection.value.phase === 'lost' ? seconds.value : now.value));
export const verdict = computed<Verdict>(() =>
  judge({ connection: connection.value, health: health.value, heardAt: healthAt.value, now: moments.value }));
export const helpShown = signal(false);

const VIEWS = [
  ['/', 'overview', 'Overview'],
  ['/symbol', 'symbol', 'Symbol'],
  ['/lake', 'lake', 'Lake'],
  ['/sql', 'sql', 'SQL'],
] as const;

export function Header() {
  const here = route.value.view;
  const { trust, word, sentence } = verdict.value;
  const who = access.value;
  return (
    <header class="bar">
      <a class="brand" href="/" aria-label="depthlake, overview">
        <svg width="26" height="22" viewBox="0 0 26 22" aria-hidden="true">
          <path class="fill-bid" d="M0 4h4v5h3v5h5v8H0z" /><path class="fill-ask" d="M26 0h-4v7h-4v6h-4v9h12z" />
        </svg>
        <span>depthlake</span>
      </a>
      <nav aria-label="Views">
        {VIEWS.map(([path, view, name]) => (
          <a href={path} aria-current={here === view ? 'page' : undefined}>{name}</a>
        ))}
      </nav>
      {who.phase === 'in' && <a class={`pill pill-${trust}`} href="/" title={sentence}><Mark trust={trust} size={14} /><span>{word}</span></a>}
      {who.phase === 'in' && who.user !== null && <button type="button" class="leave" title={`Logged in as ${who.user}`} onClick={logOut}>Log out<span class="unseen"> {who.user}</span></button>}
      <button type="button" class="quiet" aria-label={theme.value === 'dark' ? 'Light colours' : 'Dark colours'} title="Light or dark (t)"
        onClick={() => chooseTheme(theme.value === 'dark' ? 'light' : 'dark')}>
        <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
          <circle cx="9" cy="9" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" /><path d="M9 2.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor" />
        </svg>
      </button>
      <button type="button" class="quiet" aria-label="Keys" title="Keys (?)" onClick={() => (helpShown.value = true)}>?</button>
    </header>
  );
}

export function Banner() {
  const state = connection.value;
  const lost = state.phase === 'lost' && access.value.phase === 'in';
  return (
    <>
      <p class="unseen" role="status">{lost ? 'Connection lost. Figures stand still.' : ''}</p>
      {lost && (
        <div class="banner">
          <Mark trust="unknown" />
          <p>
            <strong>Connection lost {span(seconds.value - state.since)} ago.</strong> Figures stand still until it is back; {state.reason}. Next try in{' '}
            {Math.max(0, Math.ceil((state.retryAt - seconds.value) / 1000))} s.
          </p>
          <button type="button" onClick={retryNow}>Try now</button>
        </div>
      )}
    </>
  );
}

const KEYS = [
  ['g o', 'Overview'], ['g s', 'Symbol'], ['g l', 'Lake'], ['g q', 'SQL'],
  ['/', 'Find a symbol'], ['j k', 'Down and up in the table'], ['Enter', 'Open the symbol'], ['[ ]', 'Previous and next symbol'],
  ['← →', 'On the time slider: a second back and forth; with Shift ten'], ['l', 'Back to live'], ['Ctrl Enter', 'Run the statement'], ['t', 'Light or dark'], ['?', 'This list'],
] as const;

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (helpShown.value) dialog.current?.showModal();
    else dialog.current?.close();
  }, [helpShown.value]);
  return (
    <dialog ref={dialog} class="help" aria-labelledby="help-title" onClose={() => (helpShown.value = false)}
      onClick={(event) => event.target === dialog.current && dialog.current?.close()}>
      <div>
        <h2 id="help-title">Keys</h2>
        <dl>
          {KEYS.map(([keys, meaning]) => (
            <div><dt>{keys.split(' ').map((key) => <kbd>{key}</kbd>)}</dt><dd>{meaning}</dd></div>
          ))}
        </dl>
        <form method="dialog"><button>Close</button></form>
      </div>
    </dialog>
  );
}
