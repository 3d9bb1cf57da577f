// Signing in and out: which of the two halves of the page is there.

import { signInText } from '../words/texts.js';
import { $ } from './page.js';

/** Whom this page is not for. */
const REFUSED_ROLES = new Map([['kiosk', 'wrong-role']]);

export class Entrance {
  #account; #entered; #left;

  /**
   * - entered(): a monitor or an administrator is signed in, and the console is shown.
   * - left(): the sign-in is over; called before the tokens are given up.
   */
  constructor({ account, entered, left }) {
    this.#account = account;
    this.#entered = entered;
    this.#left = left;
    $('sign-in-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#signIn();
    });
    $('sign-out').addEventListener('click', () => this.leave(null));
  }

  get isOpen() { return !$('console').hidden; }

  /** Goes on with the sign-in of before a reload, where there is one. */
  async resume() {
    if (!this.#account.canResume) { this.#show('sign-in'); return; }
    try {
      await this.#account.token();
      this.#enter();
    } catch (error) {
      this.#show('sign-in');
      if (!error.final) $('sign-in-error').textContent = signInText(error);
    }
  }

  /** - why: the code that made it so, with what belongs to it; null where the operator did. */
  leave(why) {
    for (const dialog of /** @type {any} */ (document.querySelectorAll('dialog[open]'))) dialog.close('');
    this.#show('sign-in');
    this.#left();
    this.#account.signOut();
    $('notices').replaceChildren();
    $('sign-in-error').textContent = why ? signInText(why) : '';
  }

  async #signIn() {
    const button = $('sign-in-button');
    button.disabled = true;
    $('sign-in-error').textContent = '';
    try {
      await this.#account.signIn($('username').value.trim(), $('password').value);
      this.#enter();
    } catch (error) {
      $('sign-in-error').textContent = signInText(error);
      $('password').select();
    } finally {
      button.disabled = false;
    }
  }

  #enter() {
    $('password').value = '';
    const { id, role, displayName, organization } = this.#account.user;
    if (REFUSED_ROLES.has(role)) {
      this.leave({ code: REFUSED_ROLES.get(role) });
      return;
    }
    $('operator').textContent = displayName || id;
    $('operator').title = id;
    $('organization').textContent = organization ?? '';
    $('console').dataset.role = role;
    this.#show('console');
    this.#entered();
  }

  #show(half) {
    $('sign-in').hidden = half !== 'sign-in';
    $('console').hidden = half !== 'console';
    if (half === 'sign-in') $('username').focus(); else $('kiosk-list').focus({ preventScroll: true });
  }
}
