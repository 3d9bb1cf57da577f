// Who is signed in. The access token lives in memory only; the refresh token outlives a reload of the tab, and no more.

import { milliseconds } from '../state/payload.js';
import { TabValue } from './tab.js';

/** A refusal of the HTTP API. `final`: trying again with what we hold cannot succeed. */
export class APIError extends Error {
  constructor(status, code, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.final = status === 400 || status === 401 || status === 403;
  }
}

async function post(path, body) {
  let response;
  try {
    response = await fetch(path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      cache: 'no-store',
      credentials: 'same-origin',
      signal: /** @type {any} */ (AbortSignal).timeout(15_000), // Unknown to the type checker's library.
    });
  } catch {
    throw new APIError(0, 'unreachable', 'the server does not answer');
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  const { code = 'failed', message = response.statusText } = answer.error ?? {};
  throw new APIError(response.status, code, message, Number(response.headers.get('Retry-After')) || null);
}

export class Account {
  #token = null;
  #kept = new TabValue('kiosk-console.refresh');
  #expiresAt = null;
  #refreshing = null;

  user = null;

  /** Why the last refresh was refused for good; null while signed in. */
  refusal = null;

  get canResume() { return this.#kept.value !== null; }

  /** The access token at hand, if it is still good: for a page that has no time to fetch another. */
  get heldToken() { return this.#token && milliseconds(this.#expiresAt) > Date.now() ? this.#token : null; }

  async signIn(username, password) {
    this.#accept(await post('/api/auth/login', { username, password }));
  }

  /** Forgets the tokens at once and has the server void them. */
  signOut() {
    if (this.#kept.value && !this.#refreshing) {
      void revoke({ token: this.#token, expiresAt: this.#expiresAt, refreshToken: this.#kept.value });
    }
    this.#forget();
  }

  #forget() {
    this.#token = null;
    this.#kept.value = null;
    this.user = null;
  }

  /** A token that is good for at least half a minute; a new one when the old one was refused. */
  async token({ refused = null } = {}) {
    if (this.#token && !refused && milliseconds(this.#expiresAt) - Date.now() > 30_000) return this.#token;
    this.#refreshing ??= this.#refresh().finally(() => { this.#refreshing = null; });
    await this.#refreshing;
    return this.#token;
  }

  async #refresh() {
    const held = this.#kept.value;
    if (!held) throw new APIError(401, 'token-missing', 'not signed in');
    let answer;
    try {
      answer = await post('/api/auth/refresh', { refreshToken: held });
    } catch (error) {
      if (error.final && this.#kept.value === held) {
        this.#forget();
        this.refusal = error;
      }
      throw error;
    }
    if (this.#kept.value !== held) {
      // Signed out meanwhile: what has come is nobody's.
      void revoke(answer);
      throw new APIError(401, 'token-missing', 'not signed in');
    }
    this.#accept(answer);
  }

  #accept({ token, expiresAt, refreshToken, user }) {
    this.#token = token;
    this.#expiresAt = expiresAt;
    this.#kept.value = refreshToken;
    this.user = user;
    this.refusal = null;
  }
}

/** Logs a token's whole family out. The page may be closed right after, so the request outlives it. */
async function revoke({ token, expiresAt, refreshToken }) {
  try {
    const isGood = token && milliseconds(expiresAt) - Date.now() > 5_000;
    const current = isGood ? token : (await post('/api/auth/refresh', { refreshToken })).token;
    await fetch('/api/auth/logout', { method: 'POST', keepalive: true, credentials: 'same-origin', headers: { Authorization: `Bearer ${current}` } });
  } catch {
    // The server is away, or the tokens are void already.
  }
}
