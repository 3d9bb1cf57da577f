// The server's HTTP API: which requests there are, and what comes of one. The OpenAPI document (`/api/openapi.json`) is their source; a test
// compares the two.

import { heardDate } from './serverclock.js';

/** By the document's operationId: method, path with its `{parameters}`, and the names of the query. `isOpen`: needs no token. */
export const OPERATIONS = Object.freeze({
  login: { method: 'POST', path: '/api/auth/login', query: [], isOpen: true },
  refresh: { method: 'POST', path: '/api/auth/refresh', query: [], isOpen: true },
  logout: { method: 'POST', path: '/api/auth/logout', query: [], isOpen: false },
  me: { method: 'GET', path: '/api/me', query: [], isOpen: false },
  showPreferences: { method: 'GET', path: '/api/me/preferences', query: [], isOpen: false },
  keepPreferences: { method: 'PUT', path: '/api/me/preferences', query: [], isOpen: false },
  iceServers: { method: 'GET', path: '/api/ice-servers', query: [], isOpen: false },
  listKiosks: { method: 'GET', path: '/api/kiosks', query: [], isOpen: false },
  listSessions: { method: 'GET', path: '/api/sessions', query: ['kioskId', 'state', 'limit', 'cursor'], isOpen: false },
  showSession: { method: 'GET', path: '/api/sessions/{sessionId}', query: [], isOpen: false },
  endSession: { method: 'DELETE', path: '/api/sessions/{sessionId}', query: [], isOpen: false },
  listCrewEvents: { method: 'GET', path: '/api/crew-events', query: ['kiosk', 'actor', 'kind', 'from', 'to', 'format', 'limit', 'cursor'], isOpen: false },
  listAudit: { method: 'GET', path: '/api/audit', query: ['kiosk', 'actor', 'kind', 'from', 'to', 'format', 'limit', 'cursor'], isOpen: false },
  listAccounts: { method: 'GET', path: '/api/accounts', query: [], isOpen: false },
  addAccount: { method: 'POST', path: '/api/accounts', query: [], isOpen: false },
  showAccount: { method: 'GET', path: '/api/accounts/{accountId}', query: [], isOpen: false },
  changeAccount: { method: 'PATCH', path: '/api/accounts/{accountId}', query: [], isOpen: false },
  removeAccount: { method: 'DELETE', path: '/api/accounts/{accountId}', query: [], isOpen: false },
});

/** How long the server may take, in milliseconds. */
const PATIENCE = 15_000;

/**
 * Why a request came to nothing. `code` is the server's, or `unreachable` (no answer) or `unreadable` (an answer that is none of this server's).
 * `final`: trying again with what we hold cannot succeed.
 */
export class APIError extends Error {
  constructor(status, code, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
    this.final = status === 400 || status === 401 || status === 403;
  }
}

/** @typedef {{ok: boolean, value?: any, error?: APIError}} Result */

/** The address of a request. A name that the operation does not know is a mistake of this page. */
export function addressOf(operation, { path = {}, query = {} } = {}) {
  const { path: template, query: known } = OPERATIONS[operation];
  const address = template.replace(/\{(\w+)\}/g, (_, name) => {
    if (!Object.hasOwn(path, name)) throw new TypeError(`${operation}: ${name} missing`);
    return encodeURIComponent(path[name]);
  });
  const unknown = Object.keys(query).find((name) => !known.includes(name));
  if (unknown) throw new TypeError(`${operation}: no parameter ${unknown}`);
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [name, String(value)]));
  return asked.toString() ? `${address}?${asked}` : address;
}

/**
 * One request: `{ok: true, value}`, or `{ok: false, error}` with an `APIError`.
 * - path, query: parameters. - body: becomes JSON. - token: of the bearer. - keepalive: the request may outlive its page.
 * - isText: the answer is a text, and the value `{text, next}`: `next` is where the next piece begins, or null.
 * @returns {Promise<Result>}
 */
export async function request(operation, { path = {}, query = {}, body = null, token = null, keepalive = false, isText = false } = {}) {
  /** @type {any} */
  const headers = {};
  if (body !== null) headers['Content-Type'] = 'application/json';
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const address = addressOf(operation, { path, query });
  let response;
  try {
    response = await fetch(address, {
      method: OPERATIONS[operation].method, headers, keepalive, cache: 'no-store', credentials: 'same-origin',
      body: body === null ? undefined : JSON.stringify(body),
      signal: keepalive ? undefined : /** @type {any} */ (AbortSignal).timeout(PATIENCE), // Unknown to the type checker's library.
    });
  } catch {
    return refused(0, 'unreachable', 'the server does not answer');
  }
  heardDate(response.headers.get('Date'));
  if (response.status === 204) return { ok: true, value: null };
  if (isText && response.ok) {
    const text = await response.text().catch(() => null);
    return text === null ? refused(0, 'unreachable', 'the answer broke off') : { ok: true, value: { text, next: response.headers.get('X-Next-Cursor') } };
  }
  const answer = await response.json().catch(() => undefined);
  if (response.ok) {
    return typeof answer === 'object' && answer !== null ? { ok: true, value: answer } : refused(response.status, 'unreadable', 'the answer is not this server’s');
  }
  const { code = 'failed', message = response.statusText } = answer?.error ?? {};
  return refused(response.status, String(code), String(message), Number(response.headers.get('Retry-After')) || null);
}

function refused(status, code, message, retryAfter = null) {
  return { ok: false, error: new APIError(status, code, message, retryAfter) };
}

/** Codes after which another token may help. */
const STALE = new Set(['token-expired', 'token-invalid']);

/** Requests of the account that is signed in. */
export class API {
  #account;

  /** - account: gives tokens: `token({refused})`. */
  constructor(account) {
    this.#account = account;
  }

  /** As `request`, with a token; one that is refused is replaced, once. */
  async call(operation, what = {}) {
    let refusedCode = null;
    for (;;) {
      let token;
      try {
        token = await this.#account.token({ refused: refusedCode });
      } catch (error) {
        return refused(error.status ?? 0, error.code ?? 'unreachable', error.message, error.retryAfter ?? null);
      }
      const result = await request(operation, { ...what, token });
      if (result.ok || refusedCode !== null || !STALE.has(result.error.code)) return result;
      refusedCode = result.error.code;
    }
  }

  /** The pages of a list, each `{ok: true, value: items}`; an error is the last. The next page is asked for when it is wanted. */
  async *pages(operation, { query = {}, ...what } = {}) {
    let cursor = null;
    do {
      const result = await this.call(operation, { ...what, query: cursor === null ? query : { ...query, cursor } });
      if (!result.ok) { yield result; return; }
      const { items, next = null } = result.value;
      if (!Array.isArray(items)) { yield refused(200, 'unreadable', 'the answer is no list'); return; }
      yield { ok: true, value: items };
      cursor = typeof next === 'string' ? next : null;
    } while (cursor !== null);
  }
}
