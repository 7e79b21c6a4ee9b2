import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { access } from '../access/access';
import { explain } from '../api/client';
import { learnAgain } from '../market/market';
import { enter } from '../stream/connection';
import { Overview } from '../views/overview';
import { Banner, Header, Help } from './header';
import { Login } from './login';
import { route } from './route';

const parts = {
  symbol: () => import('../views/symbol').then(({ SymbolView }) => SymbolView as ComponentType<object>),
  lake: () => import('../views/lake').then(({ LakeView }) => LakeView as ComponentType<object>),
  sql: () => import('../views/sql').then(({ SqlView }) => SqlView as ComponentType<object>),
};

const TITLES = { overview: 'Overview', symbol: 'Symbol', lake: 'Lake', sql: 'SQL', nowhere: 'Not found' };

function entered(): void {
  learnAgain();
  enter();
}

export function App() {
  const here = route.value;
  const asked = access.value.phase === 'asked';
  useEffect(() => {
    const name = here.view === 'symbol' && here.symbol ? here.symbol : TITLES[here.view];
    document.title = `${asked ? 'Log in' : name} · depthlake`;
  }, [here, asked]);
  return (
    <>
      <a class="skip" href="#main">To the content</a>
      <Header />
      <Banner />
      <main id="main" tabIndex={-1}>
        {asked ? <Login entered={entered} /> : (
          <>
            {here.view === 'overview' && <Overview />}
            {here.view === 'symbol' && <Late key="symbol" load={parts.symbol} />}
            {here.view === 'lake' && <Late key="lake" load={parts.lake} />}
            {here.view === 'sql' && <Late key="sql" load={parts.sql} />}
            {here.view === 'nowhere' && <Nowhere />}
          </>
        )}
      </main>
      <Help />
    </>
  );
}

/** A view whose code comes when it is first asked for. */
function Late({ load }: { load: () => Promise<ComponentType<object>> }) {
  const [View, setView] = useState<ComponentType<object> | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    load().then((view) => setView(() => view), (error: unknown) => setFailure(explain(error)));
  }, [load]);
  if (failure) return <p class="notice bad" role="alert">This view could not be loaded. {failure} <a href="">Load again</a></p>;
  return View ? <View /> : <p class="notice">Loading…</p>;
}

function Nowhere() {
  return (
    <section class="nowhere">
      <h1>Nothing is here</h1>
      <p>There is no view at <code>{location.pathname}</code>. <a href="/">All symbols</a></p>
    </section>
  );
}
