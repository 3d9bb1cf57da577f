// What the windows of one browser tell each other: whose they are and which kiosks they watch. No token passes here.

/** How often a window says again that it is there, in milliseconds. */
const TOLD_EVERY = 10_000;

export class WindowChannel {
  #channel; #windowId;
  #accountId = null;
  #kiosks = [];

  /** - heard(message): another window spoke. - windowId: this one's name. - channel, every: of the page. */
  constructor({ heard, windowId, channel = new BroadcastChannel('kiosk-console.windows'), every = setInterval }) {
    this.#channel = channel;
    this.#windowId = windowId;
    channel.onmessage = ({ data }) => {
      heard(data);
      if (data?.isAsking === true) this.#say();
    };
    this.#say({ isAsking: true });
    every(() => { if (this.#accountId !== null) this.#say(); }, TOLD_EVERY);
  }

  /** - accountId: who is signed in, or null. - kiosks: the ids of those that this window watches. */
  tell(accountId, kiosks) {
    if (accountId === this.#accountId && kiosks.join() === this.#kiosks.join()) return;
    [this.#accountId, this.#kiosks] = [accountId, kiosks];
    this.#say();
  }

  leave() { this.#say({ isLeaving: true }); }

  #say(more = {}) {
    this.#channel.postMessage({ windowId: this.#windowId, accountId: this.#accountId, kiosks: this.#kiosks, ...more });
  }
}
