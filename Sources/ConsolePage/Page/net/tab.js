// What one tab of the browser keeps for itself.

/**
 * A value that outlives a reload of the tab, and no more than that: it is in the session storage only while no page is there to hold it.
 * A duplicated tab starts with a copy of that storage, and so gets neither the name nor the sign-in of the tab it was copied from.
 */
export class TabValue {
  #key;
  #value;

  constructor(key) {
    this.#key = key;
    this.#take();
    addEventListener('pagehide', () => { if (this.#value !== null) sessionStorage.setItem(this.#key, this.#value); });
    addEventListener('pageshow', () => sessionStorage.removeItem(this.#key));
  }

  get value() { return this.#value; }
  set value(value) { this.#value = value; }

  #take() {
    this.#value = sessionStorage.getItem(this.#key);
    sessionStorage.removeItem(this.#key);
  }
}

const client = new TabValue('kiosk-console.client');
client.value ??= Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

/** Which of the account's clients this tab is: the server ends what this one leaves, and nothing of the others. */
export const clientId = client.value;
