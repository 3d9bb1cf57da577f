// The sessions of this page: what begins them, what is heard of them, what measures them, and what brings them back.

import { Meter } from '../media/meter.js';
import { Revival } from '../media/revival.js';
import { WatchSession } from '../media/session.js';
import { isFree } from '../state/kiosks.js';

export class Sessions {
  #socket; #store; #account; #isShown; #isElsewhere; #changed;
  #byId = new Map();
  #revival;
  /** Sessions whose end has been seen to. */
  #endings = new WeakSet();
  #iceServers = null;

  /**
   * - isShown(): whether the pictures can be seen; a browser draws none that cannot.
   * - isElsewhere(kioskId): whether another window of the same person watches it.
   * - isLookedAt(kioskId): whether its figures are on the screen.
   * - changed(session): anything that a viewer may show.
   * - comesBack(kioskId): it may be watched again now, and nobody needs to ask for it.
   */
  constructor({ socket, store, account, isShown, isElsewhere, isLookedAt, changed, comesBack }) {
    this.#socket = socket;
    this.#store = store;
    this.#account = account;
    this.#isShown = isShown;
    this.#isElsewhere = isElsewhere;
    this.#changed = changed;
    this.#revival = new Revival({ watch: comesBack, isPossible: (kioskId) => this.canWatch(kioskId) && !this.isElsewhere(kioskId) });
    store.subscribe(({ preferences }, before) => {
      if (preferences.quality !== before.preferences.quality) for (const session of this.#going()) session.qualityChanged();
    });
    new Meter({
      sessions: () => this.#going(),
      isLookedAt: ({ kioskId }) => isLookedAt(kioskId),
      measured: ({ kioskId, figures }) => { if (figures) store.dispatch({ type: 'measured', kioskId, figures }); },
    });
  }

  get ids() { return [...this.#byId.keys()]; }

  get(kioskId) { return this.#byId.get(kioskId) ?? null; }

  isGoing(kioskId) { return this.#byId.has(kioskId) && !this.#byId.get(kioskId).ended; }

  /** Those that go on, by the server's names. */
  get sessionIds() { return this.#going().map(({ sessionId }) => sessionId).filter(Boolean); }

  #going() { return [...this.#byId.values()].filter((session) => !session.ended); }

  /** Whether watching it may succeed now. */
  canWatch(kioskId) {
    return this.#socket.connected && isFree(this.#store.state.kiosks, kioskId, this.#account.user?.id);
  }

  /** Whether another window of the same person watches it, and this one does not. */
  isElsewhere(kioskId) { return !this.isGoing(kioskId) && this.#isElsewhere(kioskId); }

  get isWatching() { return this.#going().length > 0; }

  /** Nobody is there: all end, and stay so. */
  abandon() { for (const session of this.#going()) session.abandon(); }

  /** Whether it is watched again by itself. */
  isAwaited(kioskId) { return this.#revival.isWaiting(kioskId); }

  // Beginning and ending

  /** - attach(session): called before it begins. */
  begin(kioskId, attach) {
    const session = new WatchSession({
      kioskId, signaling: this.#socket, iceServers: usable(this.#iceServers), changed: (changed) => this.#change(changed), isShown: this.#isShown,
      quality: () => this.#store.state.preferences.quality,
    });
    this.#byId.set(kioskId, session);
    attach(session);
    void session.start();
    this.#change(session);
  }

  /** Watched as soon as that is possible. */
  await(kioskId) {
    this.#revival.await(kioskId);
    this.#changed(this.#byId.get(kioskId));
  }

  /** - isWanted(kioskId): whether its picture is on a screen. To be called again and again. */
  economize(isWanted) {
    for (const session of this.#going()) session.wantPicture(isWanted(session.kioskId));
  }

  /** Ends it, where it goes on, and forgets it. */
  close(kioskId) {
    this.#byId.get(kioskId)?.stop();
    this.#revival.forget(kioskId);
    this.#byId.delete(kioskId);
    this.#store.dispatch({ type: 'watching', kioskId, phase: null });
  }

  /**
   * The page is going.
   * - end(sessionId): says so to the server in a way that outlives the page; null where there is none.
   */
  leave(end) {
    for (const session of this.#going()) {
      if (end && session.sessionId) {
        end(session.sessionId);
        session.left();
      } else {
        session.stop();
      }
    }
  }

  #change(session) {
    const { kioskId } = session;
    if (this.#byId.get(kioskId) !== session) return;
    if (session.ended && !this.#endings.has(session)) {
      this.#endings.add(session);
      this.#revival.ended(kioskId, session.ending);
    } else if (session.timings.firstFrame && !session.ended) {
      this.#revival.lives(kioskId);
    }
    this.#changed(session);
    this.#store.dispatch({ type: 'watching', kioskId, phase: session.ended ? null : session.phase });
  }

  // What the server says

  /** - carried: the sessions named to the server. - known: those of them that it still knows; null where it does not tell. */
  registered(carried, known) {
    for (const session of this.#byId.values()) {
      // One that began while the answer was under way is not in it.
      session.resumed(known && carried.includes(session.sessionId) ? known : null);
    }
  }

  heard(name, fields) {
    const session = this.#byId.get(name.startsWith('monitoring-') ? fields.kioskId : fields.fromId);
    switch (name) {
      case 'monitoring-started':
        if (typeof fields.sessionId !== 'string') break;
        this.#iceServers = Array.isArray(fields.iceServers) ? fields.iceServers : [];
        session?.started({ sessionId: fields.sessionId, iceServers: this.#iceServers });
        break;
      case 'monitoring-stopped': session?.stopped(fields); break;
      case 'answer': session?.answered(fields); break;
      case 'ice-candidate': session?.candidate(fields); break;
      case 'restart-request': session?.restartRequested(fields); break;
      case 'session-error': session?.fault(fields); break;
    }
  }

  /** What was lent by the server for the account that signed out. */
  forgetServers() { this.#iceServers = null; }
}

/** ICE servers of an earlier session, unless their credentials (`expiry:user`) end within a minute. */
function usable(iceServers) {
  const fresh = (iceServers ?? []).every(({ username }) => {
    const expiry = Number.parseInt(username ?? '', 10);
    return Number.isNaN(expiry) || expiry * 1000 > Date.now() + 60_000;
  });
  return fresh ? iceServers : null;
}
