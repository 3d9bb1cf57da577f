// The room: the watched kiosks' pictures on the wall, which of them is large, which is heard, and who makes room for another.

import { poseOf, withPose } from '../state/chosen/poses.js';
import { nameOf } from '../state/kiosks.js';
import { MOST_PICTURES, writeRoute } from '../state/routes.js';
import { soundOf } from '../state/sound.js';
import { askWhomToReplace } from '../views/room/replacing.js';
import { askToTake } from '../views/room/taking.js';
import { Tile } from '../views/room/tile.js';
import { copied } from '../views/room/tools.js';
import { Wall } from '../views/room/wall.js';
import { say } from '../words/language.js';
import { bitrateText } from '../words/texts.js';
import { $, notice } from './page.js';

/** So long after the pictures went from the screen they are asked for no more, in milliseconds. */
const UNSEEN_FOR = 5_000;

export class Room {
  #sessions; #store; #socket; #arranged; #left; #elsewhere; #says;
  #wall;
  #isShown;
  /** When the pictures were last on the screen, in milliseconds of `performance.now()`. */
  #shownAt = 0;
  #isRegistered = false;
  /** What an address asks for, until the server has told which kiosks there are. */
  #wanted = null;

  /**
   * - arranged(kiosks, focus): which pictures are there, in their order, and which is large.
   * - left(kioskId): a picture that had the focus was closed, and none is left.
   * - elsewhere(): the ids of the kiosks that other windows of the same person watch.
   * - says(kioskId, name, text): what a picture shows now, for those who do not see it.
   * - isShown(): whether the pictures can be seen.
   */
  constructor({ sessions, store, socket, arranged, left, elsewhere, says, isShown }) {
    this.#elsewhere = elsewhere;
    this.#says = says;
    this.#isShown = isShown;
    this.#sessions = sessions;
    this.#store = store;
    this.#socket = socket;
    this.#arranged = arranged;
    this.#left = left;
    this.#wall = new Wall({ stage: $('stage'), empty: $('stage-empty'), arranged: () => this.#tellArranged() });
    $('sheet-close').addEventListener('click', () => this.evenOut());
    $('watch-all').addEventListener('click', () => {
      for (const kioskId of this.#ended) if (sessions.canWatch(kioskId)) this.revive(kioskId);
    });
    store.subscribe((state, before) => {
      if (state.connection !== before.connection && state.connection.state !== 'connected') this.#isRegistered = false;
      for (const kioskId of this.#wall.kioskIds) {
        const isSame = ['kiosks', 'readings'].every((part) => state[part].byId.get(kioskId) === before[part].byId.get(kioskId));
        if (!isSame || state.connection !== before.connection || state.sound !== before.sound) this.#show(kioskId);
      }
      this.#settle();
    });
  }

  tile(kioskId) { return this.#wall.tile(kioskId); }

  isLookedAt(kioskId) { return this.#wall.focus === kioskId || this.tile(kioskId)?.isLookedAt === true; }

  // What the operator wants

  choose(kioskId) {
    if (this.#sessions.isGoing(kioskId)) {
      this.#raise(kioskId);
      this.tile(kioskId).focus();
    } else if (!this.#socket.connected) {
      notice(say('notices.serverAway'), 'warn');
    } else if (this.#elsewhere().has(kioskId)) {
      void this.#take(kioskId);
    } else {
      this.#makeRoom(kioskId);
    }
  }

  /** Two windows of one person do not take a kiosk from each other without a word. */
  async #take(kioskId) {
    if (await askToTake({ dialog: $('take'), name: this.#name(kioskId) }) && this.#socket.connected) this.#makeRoom(kioskId);
  }

  #makeRoom(kioskId) {
    // What another window shows counts too; a kiosk that is taken from there makes its own room.
    const others = this.#elsewhere();
    others.delete(kioskId);
    if (this.tile(kioskId) || this.#wall.kioskIds.length + others.size < MOST_PICTURES) this.#watch(kioskId);
    else if (this.#wall.kioskIds.length === 0) notice(say('windows.full'), 'warn');
    else void this.#replace(kioskId);
  }

  /** On a phone the picture that was asked for lies above everything else. */
  #raise(kioskId) { if (this.#wall.isNarrow) this.#wall.focus = kioskId; }

  /** One more than can be watched: a picture that has ended makes room, or one that the operator names. */
  async #replace(kioskId) {
    const ended = this.#ended[0];
    const others = this.#wall.kioskIds.map((id) => ({ kioskId: id, name: this.#name(id) }));
    const gone = ended ?? await askWhomToReplace({ dialog: $('replace'), name: this.#name(kioskId), others });
    if (gone === null || this.tile(kioskId) || !this.#socket.connected) return;
    const place = this.#wall.kioskIds.indexOf(gone);
    if (place >= 0) this.#close(gone);
    this.#watch(kioskId, place);
  }

  /** Goes to the picture at a place, from 0. Whether there is one. */
  goTo(place) {
    const tile = this.tile(this.#wall.kioskIds[place]);
    tile?.focus();
    return tile !== null;
  }

  /** Whether there was a large picture. */
  evenOut() {
    const { focus, isSheet } = this.#wall;
    if (focus === null) return false;
    this.#wall.focus = null;
    if (isSheet) this.#left(focus);
    return true;
  }

  /** These kiosks and no others, as soon as the server has told which there are. */
  want({ kiosks, focus }) {
    this.#wanted = { kiosks, focus };
    this.#settle();
  }

  /** The server knows this page's sessions, and may be asked for others. */
  registered() {
    this.#isRegistered = true;
    this.#settle();
  }

  #settle() {
    if (!this.#wanted || !this.#isRegistered || !this.#store.state.kiosks.isLoaded) return;
    const { kiosks, focus } = this.#wanted;
    this.#wanted = null;
    const isKnown = (kioskId) => this.#store.state.kiosks.byId.has(kioskId);
    for (const kioskId of this.#wall.kioskIds) if (!kiosks.includes(kioskId)) this.#close(kioskId);
    const others = this.#elsewhere();
    const room = MOST_PICTURES - others.size;
    const isMine = (kioskId) => !others.has(kioskId) && this.#wall.kioskIds.length < room;
    const left = kiosks.filter((kioskId) => {
      if (!isKnown(kioskId) || this.tile(kioskId)) return false;
      if (!isMine(kioskId)) return true;
      this.#watch(kioskId, this.#wall.kioskIds.length, { isAsked: false });
      return false;
    });
    if (focus !== null) this.#lookAt(focus);
    this.#wall.focus = focus;
    if (left.length > 0) notice(say('windows.left', { names: left.map((kioskId) => this.#name(kioskId)).join(', ') }), 'info');
    const unknown = kiosks.filter((kioskId) => !isKnown(kioskId));
    if (unknown.length > 0) notice(say('notices.unknownKiosks', { names: unknown.join(', ') }), 'warn');
    this.#tellArranged();
  }

  #tellArranged() {
    if (!this.#wanted) this.#arranged(this.#wall.kioskIds, this.#wall.focus);
    // What lies below a sheet is out of reach until it is gone.
    for (const id of ['bar', 'kiosk-panel', 'crew-panel']) $(id).inert = this.#wall.isSheet;
    this.#countEnded();
  }

  // Tiles

  /** - isAsked: whether the operator has asked for this one picture. */
  #watch(kioskId, place = this.#wall.kioskIds.length, { isAsked = true } = {}) {
    this.#lookAt(kioskId);
    if (!this.tile(kioskId)) this.#wall.add(kioskId, this.#makeTile(kioskId), place);
    if (isAsked) this.#raise(kioskId);
    this.#begin(kioskId);
  }

  #begin(kioskId) {
    this.#sessions.begin(kioskId, (session) => {
      this.tile(kioskId).attach(session, { isHeard: soundOf(this.#store.state.sound, kioskId) !== 'off' });
    });
  }

  /** A picture that ended is watched again in its place, with its sound. */
  revive(kioskId) {
    if (this.tile(kioskId)) this.#begin(kioskId);
  }

  #makeTile(kioskId) {
    const dispatch = (type, on) => this.#store.dispatch({ type, kioskId, on });
    return new Tile({
      template: $('tile-template'), name: this.#name(kioskId), kioskId, pose: poseOf(this.#store.state.preferences.poses, kioskId),
      on: {
        stop: () => this.#close(kioskId),
        again: () => this.choose(kioskId),
        await: () => this.#sessions.await(kioskId),
        promote: () => {
          this.#lookAt(kioskId);
          this.#wall.focus = this.#wall.focus === kioskId ? null : kioskId;
        },
        lookedAt: () => this.#lookAt(kioskId),
        // A small picture beside a large one is pointed at to be large.
        clicked: () => { if (this.#wall.focus !== null) this.#wall.focus = kioskId; },
        sound: (on) => dispatch('sound', on),
        pin: (on) => dispatch('pinned', on),
        posed: (pose) => {
          this.#store.dispatch({ type: 'preferred', name: 'poses', value: withPose(this.#store.state.preferences.poses, kioskId, pose) });
          this.#wall.arrange();
        },
        hasKeys: () => this.#store.state.preferences.keys,
        says: (text) => this.#says(kioskId, this.#name(kioskId), text),
        link: async () => notice(await copied(`${location.origin}${location.pathname}${writeRoute({ page: 'room', kiosks: [kioskId] })}`), 'info'),
      },
    });
  }

  #lookAt(kioskId) { this.#store.dispatch({ type: 'looked-at', kioskId }); }

  #close(kioskId) {
    if (!this.tile(kioskId)) return;
    const hadFocus = this.tile(kioskId).element.contains(document.activeElement);
    const place = this.#wall.kioskIds.indexOf(kioskId);
    const isSheet = this.#wall.isSheet;
    this.#sessions.close(kioskId);
    this.tile(kioskId).remove();
    this.#wall.remove(kioskId);
    this.#store.dispatch({ type: 'closed', kioskId, next: this.#wall.focus ?? this.#wall.kioskIds.at(-1) ?? null });
    if (!hadFocus) return;
    // The focus stays among the pictures as long as there are any.
    const next = this.tile(this.#wall.kioskIds[Math.min(place, this.#wall.kioskIds.length - 1)]);
    if (next && !isSheet) next.focus(); else this.#left(kioskId);
  }

  /** Nothing is watched any more. */
  closeAll() {
    for (const kioskId of this.#wall.kioskIds) this.#close(kioskId);
  }

  /** A page that was left is shown again: what it had is over, and begins anew. */
  beginAnew() {
    if (this.#wall.kioskIds.length > 0) this.want({ kiosks: this.#wall.kioskIds, focus: this.#wall.focus });
    this.closeAll();
  }

  // Showing

  /** Something about a session has changed. */
  changed({ kioskId }) {
    this.#show(kioskId);
    this.#countEnded();
  }

  /** Each second, in another language, and when the page is shown: what the tiles say grows older. */
  tick() {
    if (this.#isShown()) this.#shownAt = performance.now();
    const isShown = performance.now() - this.#shownAt < UNSEEN_FOR;
    // A picture in a window of its own is seen while this page is not.
    this.#sessions.economize((kioskId) => isShown || document.pictureInPictureElement === this.tile(kioskId)?.video);
    for (const kioskId of this.#wall.kioskIds) this.#show(kioskId);
    this.#countEnded();
    this.#showDrawn();
  }

  #show(kioskId) {
    const { state } = this.#store;
    this.tile(kioskId)?.show({
      serverConnected: this.#socket.connected,
      status: state.kiosks.byId.get(kioskId)?.status,
      canWatch: this.#sessions.canWatch(kioskId),
      comesBack: this.#sessions.isAwaited(kioskId),
      history: state.readings.byId.get(kioskId)?.history ?? [],
      sound: soundOf(state.sound, kioskId),
    });
  }

  /** Those that stay ended unless somebody does something. */
  get #ended() {
    return this.#wall.kioskIds.filter((kioskId) => !this.#sessions.isGoing(kioskId) && !this.#sessions.isAwaited(kioskId));
  }

  #countEnded() {
    const count = this.#ended.length;
    $('ended').hidden = count < 2 || !this.#ended.some((kioskId) => this.#sessions.canWatch(kioskId));
    const text = say('notices.ended', { count });
    if ($('ended-text').textContent !== text) $('ended-text').textContent = text;
  }

  #name(kioskId) { return nameOf(this.#store.state.kiosks, kioskId); }

  /** Which pictures are there, as a set that can be kept. */
  get set() { return { kiosks: this.#wall.kioskIds, focus: this.#wall.focus }; }

  /** What is wrong with one of the pictures, in words; null where nothing is. */
  get fault() {
    const kioskId = this.#wall.kioskIds.find((id) => this.tile(id).hasFault);
    return kioskId === undefined ? null : `${this.#name(kioskId)}: ${this.tile(kioskId).stateText}`;
  }

  #showDrawn() {
    const { byId } = this.#store.state.readings;
    const drawn = this.#wall.kioskIds.filter((kioskId) => this.#sessions.isGoing(kioskId)).reduce((sum, kioskId) => sum + (byId.get(kioskId)?.latest.bitrate ?? 0), 0);
    $('drawn').textContent = drawn > 0 ? bitrateText(drawn) : '';
  }
}
