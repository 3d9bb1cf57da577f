// Who is signed in. The access token lives in memory only; the refresh token outlives a reload of the tab, and no more.

import { milliseconds } from '../state/payload.js';
import { APIError, request } from './api.js';
import { TabValue } from './tab.js';

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
    const result = await request('login', { body: { username, password } });
    if (!result.ok) throw result.error;
    this.#accept(result.value);
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
    const result = await request('refresh', { body: { refreshToken: held } });
    if (!result.ok) {
      if (result.error.final && this.#kept.value === held) {
        this.#forget();
        this.refusal = result.error;
      }
      throw result.error;
    }
    if (this.#kept.value !== held) {
      // Signed out meanwhile: what has come is nobody's.
      void revoke(result.value);
      throw new APIError(401, 'token-missing', 'not signed in');
    }
    this.#accept(result.value);
  }

  #accept({ token, expiresAt, refreshToken, user }) {
    this.#token = token;
    this.#expiresAt = expiresAt;
    this.#kept.value = refreshToken;
    this.user = user;
    this.refusal = null;
  }
}

/** Logs a token's whole family out, unless the server is away or the tokens are void already. The page may be closed right after. */
async function revoke({ token, expiresAt, refreshToken }) {
  const isGood = token && milliseconds(expiresAt) - Date.now() > 5_000;
  let current = token;
  if (!isGood) {
    const result = await request('refresh', { body: { refreshToken } });
    if (!result.ok) return;
    current = result.value.token;
  }
  await request('logout', { token: current, keepalive: true });
}
