// The kiosks that this page watches: their sessions, and their pictures on the wall.

import { Meter } from '../media/meter.js';
import { Revival } from '../media/revival.js';
import { WatchSession } from '../media/session.js';
import { isFree, nameOf } from '../state/kiosks.js';
import { Tile } from '../views/tile.js';
import { Wall } from '../views/wall.js';
import { say } from '../words/language.js';
import { $, notice } from './page.js';

export class Watching {
  #socket; #store; #arranged; #left; #isShown;
  #sessions = new Map();
  #tiles = new Map();
  #wall;
  #revival;
  /** Sessions whose end has been seen to. */
  #endings = new WeakSet();
  #iceServers = null;
  #isRegistered = false;
  /** What an address asks for, until the server has told which kiosks there are. */
  #wanted = null;

  /**
   * - arranged(kiosks, focus): which pictures are there, in their order, and which is large.
   * - left(kioskId): a picture was closed.
   * - isShown(): whether the pictures can be seen; a browser draws none that cannot.
   */
  constructor({ socket, store, account, arranged, left, isShown }) {
    this.#isShown = isShown;
    this.#socket = socket;
    this.#store = store;
    this.#arranged = arranged;
    this.#left = left;
    this.#wall = new Wall({ stage: $('stage'), empty: $('stage-empty'), arranged: () => this.#tellArranged() });
    this.#revival = new Revival({
      watch: (kioskId) => { if (this.#tiles.has(kioskId)) this.#watch(kioskId); },
      isPossible: (kioskId) => socket.connected && isFree(store.state.kiosks, kioskId, account.user?.id),
    });
    new Meter({
      sessions: () => this.#going(),
      isLookedAt: ({ kioskId }) => this.#wall.focus === kioskId || this.#tiles.get(kioskId).isLookedAt,
      measured: ({ kioskId, figures }) => { if (figures) store.dispatch({ type: 'measured', kioskId, figures }); },
    });
    store.subscribe((state, before) => {
      if (state.connection !== before.connection && state.connection.state !== 'connected') this.#isRegistered = false;
      for (const [kioskId, session] of this.#sessions) {
        const isSame = state.connection === before.connection && state.kiosks.byId.get(kioskId) === before.kiosks.byId.get(kioskId)
          && state.readings.byId.get(kioskId) === before.readings.byId.get(kioskId);
        if (!isSame) this.#changed(session);
      }
      this.#settle();
    });
  }

  get kioskIds() { return [...this.#sessions.keys()]; }

  session(kioskId) { return this.#sessions.get(kioskId) ?? null; }

  tile(kioskId) { return this.#tiles.get(kioskId) ?? null; }

  /** The sessions that go on, by the server's names. */
  get sessionIds() { return this.#going().map(({ sessionId }) => sessionId).filter(Boolean); }

  // What the operator wants

  choose(kioskId) {
    const session = this.#sessions.get(kioskId);
    if (session && !session.ended) {
      this.#tiles.get(kioskId).focus();
      return;
    }
    if (!this.#socket.connected) {
      notice(say('notices.serverAway'), 'warn');
      return;
    }
    this.#watch(kioskId);
  }

  /** Goes to the picture at a place, from 0. Whether there is one. */
  goTo(place) {
    const tile = [...this.#tiles.values()][place];
    tile?.focus();
    return tile !== undefined;
  }

  /** Whether there was a large picture. */
  evenOut() {
    if (this.#wall.focus === null) return false;
    this.#wall.focus = null;
    return true;
  }

  /** These kiosks and no others, as soon as the server has told which there are. */
  want({ kiosks, focus }) {
    this.#wanted = { kiosks, focus };
    this.#settle();
  }

  #settle() {
    if (!this.#wanted || !this.#isRegistered || !this.#store.state.kiosks.isLoaded) return;
    const { kiosks, focus } = this.#wanted;
    this.#wanted = null;
    const isKnown = (kioskId) => this.#store.state.kiosks.byId.has(kioskId);
    for (const kioskId of [...this.#tiles.keys()]) if (!kiosks.includes(kioskId)) this.#stop(kioskId);
    for (const kioskId of kiosks) if (isKnown(kioskId) && !this.#tiles.has(kioskId)) this.#watch(kioskId);
    this.#wall.focus = focus;
    const unknown = kiosks.filter((kioskId) => !isKnown(kioskId));
    if (unknown.length > 0) notice(say('notices.unknownKiosks', { names: unknown.join(', ') }), 'warn');
    this.#tellArranged();
  }

  #tellArranged() {
    if (!this.#wanted) this.#arranged([...this.#tiles.keys()], this.#wall.focus);
  }

  // What the server says

  /** - carried: the sessions named to the server. - known: those of them that it still knows; null where it does not tell. */
  registered(carried, known) {
    for (const session of this.#sessions.values()) {
      // One that began while the answer was under way is not in it.
      session.resumed(known && carried.includes(session.sessionId) ? known : null);
    }
    this.#isRegistered = true;
    this.#settle();
  }

  heard(name, fields) {
    const session = this.#sessions.get(name.startsWith('monitoring-') ? fields.kioskId : fields.fromId);
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

  // Beginning and ending

  #watch(kioskId) {
    const session = new WatchSession({
      kioskId, signaling: this.#socket, iceServers: usable(this.#iceServers), changed: (changed) => this.#changed(changed), isShown: this.#isShown,
    });
    this.#sessions.set(kioskId, session);
    let tile = this.#tiles.get(kioskId);
    if (!tile) {
      tile = new Tile({
        template: $('tile-template'), name: nameOf(this.#store.state.kiosks, kioskId), kioskId,
        stop: () => this.#stop(kioskId),
        again: () => this.choose(kioskId),
        dismiss: () => this.#dismiss(kioskId),
        promote: () => { this.#wall.focus = this.#wall.focus === kioskId ? null : kioskId; },
      });
      this.#tiles.set(kioskId, tile);
      this.#wall.add(kioskId, tile);
    }
    tile.attach(session);
    session.start();
    this.#changed(session);
  }

  #stop(kioskId) {
    this.#sessions.get(kioskId)?.stop();
    this.#dismiss(kioskId);
  }

  #dismiss(kioskId) {
    const tile = this.#tiles.get(kioskId);
    if (!tile) return;
    this.#revival.forget(kioskId);
    tile.remove();
    this.#tiles.delete(kioskId);
    this.#sessions.delete(kioskId);
    this.#store.dispatch({ type: 'watching', kioskId, phase: null });
    this.#wall.remove(kioskId);
    this.#left(kioskId);
  }

  /** Each second, and in another language: what the tiles say grows older. */
  tick() {
    for (const session of this.#sessions.values()) this.#changed(session);
  }

  /** Nothing is watched any more. */
  stopAll() {
    for (const kioskId of [...this.#tiles.keys()]) this.#stop(kioskId);
    this.#iceServers = null;
  }

  /** A page that was left is shown again: what it had is over, and begins anew. */
  beginAnew() {
    if (this.#tiles.size > 0) this.want({ kiosks: [...this.#tiles.keys()], focus: this.#wall.focus });
    for (const kioskId of [...this.#tiles.keys()]) this.#dismiss(kioskId);
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

  #going() { return [...this.#sessions.values()].filter((session) => !session.ended); }

  #changed(session) {
    const { kioskId } = session;
    if (this.#sessions.get(kioskId) !== session) return;
    if (session.ended && !this.#endings.has(session)) {
      this.#endings.add(session);
      this.#revival.ended(kioskId, session.ending);
    } else if (session.timings.firstFrame && !session.ended) {
      this.#revival.lives(kioskId);
    }
    this.#tiles.get(kioskId)?.show({
      serverConnected: this.#socket.connected,
      status: this.#store.state.kiosks.byId.get(kioskId)?.status,
      comesBack: this.#revival.isWaiting(kioskId),
      history: this.#store.state.readings.byId.get(kioskId)?.history ?? [],
    });
    this.#store.dispatch({ type: 'watching', kioskId, phase: session.ended ? null : session.phase });
  }
}

/** ICE servers of an earlier session, unless their credentials (`expiry:user`) end within a minute. */
function usable(iceServers) {
  const fresh = (iceServers ?? []).every(({ username }) => {
    const expiry = Number.parseInt(username ?? '', 10);
    return Number.isNaN(expiry) || expiry * 1000 > Date.now() + 60_000;
  });
  return fresh ? iceServers : null;
}
