/**
 * Who uses this page. What somebody shows (a password or a token) is kept for this tab alone and goes with every question as
 * `Authorization`; a stream is opened by a ticket, since a browser gives a WebSocket no header.
 */

import { signal } from '@preact/signals';
import { encoded } from './base64';

export type Access =
  /** Nobody had to say who he is, or it was accepted. */
  | { phase: 'in'; user: string | null }
  /** The server wants to know who asks; `said` is why what was shown is not enough. */
  | { phase: 'asked'; said: string | null };

const KEPT = 'depthlake.authorization';

export const access = signal<Access>({ phase: 'in', user: null });

/** Opens one stream. */
export interface Ticket {
  ticket: string;
  user: string;
  asks_for_login: boolean;
}

let authorization: string | null = kept();

/** A question with what was shown, and what keeps the browser from asking by itself. A refusal brings the login. */
export async function ask(path: string, request: RequestInit = {}): Promise<Response> {
  const shown = authorization;
  const answer = await fetch(path, { ...request, headers: { ...(request.headers as Record<string, string> | undefined), ...headers(shown) } });
  // Of several questions on their way, those of before a login say nothing of it.
  if (answer.status === 401 && shown === authorization) refuse(shown === null ? null : 'The server does not know this user, password or token any more.');
  return answer;
}

/** A ticket; null where the server wants to know first who asks. */
export async function ticket(): Promise<Ticket | null> {
  const answer = await ask('/api/v1/stream/ticket', { method: 'POST' });
  if (answer.status === 401) return null;
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const given = (await answer.json()) as Ticket;
  const user = given.asks_for_login ? given.user : null;
  if (access.value.phase !== 'in' || access.value.user !== user) access.value = { phase: 'in', user };
  return given;
}

/** Shows a user and password, or, without a user, a token. Says why it was refused, or null. */
export async function logIn(user: string, secret: string): Promise<string | null> {
  const shown = user === '' ? `Bearer ${secret}` : `Basic ${encoded(`${user}:${secret}`)}`;
  try {
    const answer = await fetch('/api/v1/stream/ticket', { method: 'POST', headers: headers(shown) });
    if (answer.status === 401) return user === '' ? 'This token is not known here.' : 'User and password do not fit.';
    if (!answer.ok) return `The server answered ${answer.status}.`;
    authorization = shown;
    keep(shown);
    access.value = { phase: 'in', user: ((await answer.json()) as Ticket).user };
    return null;
  } catch (error) {
    return error instanceof TypeError ? 'The server cannot be reached.' : String(error);
  }
}

/** Forgets who it was, and everything that was shown to him. */
export function logOut(): void {
  keep(null);
  location.replace('/');
}

function refuse(said: string | null): void {
  authorization = null;
  keep(null);
  if (access.value.phase !== 'asked' || said) access.value = { phase: 'asked', said };
}

function headers(shown: string | null): Record<string, string> {
  const own = { 'x-requested-with': 'depthlake' };
  return shown === null ? own : { ...own, authorization: shown };
}

function kept(): string | null {
  try {
    return sessionStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** A browser may be told to keep nothing; then it is until the page is loaded again. */
function keep(shown: string | null): void {
  try {
    if (shown === null) sessionStorage.removeItem(KEPT);
    else sessionStorage.setItem(KEPT, shown);
  } catch {
    return;
  }
}
