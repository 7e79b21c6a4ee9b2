/** Who may look is asked here, where users are configured. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { access, logIn } from '../access/access';

export function Login({ entered }: { entered: () => void }) {
  const here = access.value;
  const first = useRef<HTMLInputElement>(null);
  const [user, setUser] = useState('');
  const [secret, setSecret] = useState('');
  const [busy, setBusy] = useState(false);
  const [refused, setRefused] = useState<string | null>(null);
  useEffect(() => first.current?.focus(), []);

  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const why = await logIn(user.trim(), secret);
    setBusy(false);
    setRefused(why);
    if (why === null) entered();
  };
  const said = refused ?? (here.phase === 'asked' ? here.said : null);
  return (
    <section class="login card" aria-labelledby="login-title">
      <form onSubmit={(event) => void submit(event)}>
        <h1 id="login-title">Who is looking?</h1>
        <p class="muted">These books are shown to those whom the server knows.</p>
        <label>
          <span>User</span>
          <input ref={first} name="user" autocomplete="username" autocapitalize="none" spellcheck={false} value={user} onInput={(event) => setUser(event.currentTarget.value)} />
        </label>
        <label>
          <span>{user.trim() === '' ? 'Password, or a token without a user' : 'Password'}</span>
          <input name="secret" type="password" autocomplete="current-password" required value={secret} onInput={(event) => setSecret(event.currentTarget.value)} />
        </label>
        <p class="said" role="alert">{said ?? ''}</p>
        <button class="primary" type="submit" disabled={busy}>{busy ? 'Asking…' : 'Log in'}</button>
      </form>
    </section>
  );
}
