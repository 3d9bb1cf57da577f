// The line to the server: the socket, its registration, and what is heard on it.

import { serverNow } from '../net/serverclock.js';
import { SocketIOClient } from '../net/socketio.js';
import { clientId } from '../net/tab.js';
import { object } from '../state/payload.js';
import { say } from '../words/language.js';
import { refusalText } from '../words/texts.js';
import { notice } from './page.js';

export class Line {
  #account; #store; #sessions = null; #registered; #refused;

  socket;

  /** - refused({code}): the account may not come back. */
  constructor({ account, store, refused }) {
    this.#account = account;
    this.#store = store;
    this.#refused = refused;
    this.socket = new SocketIOClient({
      url: location.origin,
      credentials: async ({ refused: code }) => ({ token: await account.token({ refused: code }) }),
      handlers: {
        connected: () => this.#register(),
        event: (name, [payload]) => this.#heard(name, payload),
        state: (state, { retryAt = null } = {}) => this.#changed(state, retryAt),
        refused: ({ code }) => { if (code === 'account-disabled') refused({ code }); },
      },
    });
  }

  /** - sessions: hear what is said of them. - registered(): the server knows this page. */
  open({ sessions, registered }) {
    this.#sessions = sessions;
    this.#registered = registered;
    this.socket.open();
  }

  close() { this.socket.close(); }

  async #register() {
    // Administrators may connect, and nothing else: all that they do goes over HTTP.
    if (this.#account.user?.role === 'admin') return;
    // Always said, empty too: what this tab had before it was loaded again is over.
    const carried = this.#sessions.sessionIds;
    let known;
    try {
      ({ sessions: known } = await this.socket.request('register-monitor', { clientId, sessions: carried }));
    } catch (error) {
      if (error.code === 'disconnected') return;
      notice(error.code === 'forbidden' ? say('notices.mayNot') : refusalText(error), 'bad');
      return;
    }
    this.#sessions.registered(carried, Array.isArray(known) ? known : null);
    this.#registered();
  }

  #heard(name, payload) {
    this.#store.dispatch({ type: 'server', name, payload, at: serverNow() });
    const fields = object(payload);
    if (!fields) return;
    if (name === 'error') console.warn(`refused: ${fields.event ?? ''} ${fields.code ?? ''} ${fields.message ?? ''}`);
    else this.#sessions.heard(name, fields);
  }

  #changed(state, retryAt) {
    this.#store.dispatch({ type: 'connection', state, retryAt });
    // Signed out elsewhere, or the refresh token was refused: there is nothing left to try with.
    if (state === 'idle' && !this.#account.canResume) this.#refused(this.#account.refusal ?? { code: 'token-expired' });
  }
}
