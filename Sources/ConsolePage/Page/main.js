// The monitor console: what there is, and who knows whom.

import { Screen, StillThere } from './app/awake.js';
import { Calls } from './app/calls.js';
import { Entrance } from './app/entrance.js';
import { keepPreferences } from './app/keeping.js';
import { listenToKeys } from './app/keys.js';
import { sayGoodbye } from './app/leaving.js';
import { Line } from './app/line.js';
import { $, notice } from './app/page.js';
import { Router } from './app/router.js';
import { Records } from './app/records.js';
import { Room } from './app/room.js';
import { Sessions } from './app/sessions.js';
import { Tour } from './app/tour.js';
import { Account } from './net/account.js';
import { API } from './net/api.js';
import { serverNow } from './net/serverclock.js';
import { clientId } from './net/tab.js';
import { WindowChannel } from './net/windowchannel.js';
import { withPin } from './state/chosen/preferences.js';
import { setOf, withSet } from './state/chosen/sets.js';
import { nameOf } from './state/kiosks.js';
import { homeOf, mayOpen } from './state/routes.js';
import { Store } from './state/store.js';
import { watchedElsewhere } from './state/windows.js';
import { ConnectionLight } from './views/connectionlight.js';
import { CrewFeed } from './views/crewfeed.js';
import { KioskList } from './views/kiosklist.js';
import { Navigation } from './views/navigation.js';
import { Pages } from './views/pages.js';
import { Panel } from './views/panels.js';
import { SetsDialog } from './views/room/setsdialog.js';
import { Settings } from './views/settings.js';
import { Speaker } from './views/speaker.js';
import { toggleFullScreen } from './views/room/tools.js';
import { relabel, say } from './words/language.js';
import { timeOfDay } from './words/texts.js';

const store = new Store();
keepPreferences(store);
const prefer = (name, value) => store.dispatch({ type: 'preferred', name, value });
const hasKeys = () => store.state.preferences.keys;
const speaker = new Speaker({ element: $('spoken') });
const account = new Account();
const role = () => account.user?.role ?? 'monitor';
/** Whether the account may watch kiosks. */
const hasRoom = () => mayOpen(role(), 'room');
const windows = new WindowChannel({ windowId: clientId, heard: (message) => store.dispatch({ type: 'window', message, at: performance.now() }) });
const line = new Line({ account, store, refused: (why) => { if (entrance.isOpen) entrance.leave(why); } });

const kiosks = new KioskList({
  list: $('kiosk-list'), template: $('kiosk-template'), search: $('search'), count: $('kiosk-count'), none: $('kiosk-none'), kinds: $('kinds'),
  on: {
    chosen: (kioskId) => { if (hasRoom()) watch(kioskId); else showKiosk(kioskId); },
    asked: (kioskId) => showKiosk(kioskId),
    pinned: (kioskId, isPinned) => prefer('pinned', withPin(store.state.preferences.pinned, kioskId, isPinned)),
    hasKeys,
    watcher: (kioskId) => watcherOf(kioskId),
  },
});
const crew = new CrewFeed({ list: $('crew-events'), template: $('crew-template'), none: $('crew-none'), count: $('crew-count'), told: (text) => speaker.crew(text) });
const listPanel = new Panel({ room: $('console'), button: $('list-button'), name: 'list', folded: (isFolded) => prefer('list', isFolded ? 'folded' : 'open') });
const crewPanel = new Panel({ room: $('console'), button: $('crew-button'), name: 'crew', folded: (isFolded) => prefer('crew', isFolded ? 'folded' : 'open') });
const light = new ConnectionLight({ element: $('connection'), text: $('connection-text'), told: (text) => speaker.line(text) });

const pages = new Pages({
  room: { element: $('room'), focus: $('room-link') },
  crew: { element: $('crew-page'), focus: $('crew-page-title') },
  audit: { element: $('audit-page'), focus: $('audit-page-title') },
  people: { element: $('people-page'), focus: $('people-page-title') },
  kiosk: { element: $('kiosk-page'), focus: $('kiosk-page-title') },
  settings: { element: $('settings'), focus: $('settings-title') },
  closed: { element: $('closed'), focus: $('closed-title') },
});
const navigation = new Navigation({ element: $('navigation'), console: $('console'), home: $('closed-home') });

const router = new Router({
  entered: (route) => {
    const isOpen = mayOpen(role(), route.page);
    pages.show(isOpen ? route.page : 'closed');
    navigation.show(route.page, role());
    showWall();
    room.tick();
    $('settings-button').setAttribute('aria-pressed', String(route.page === 'settings'));
    if (!route.isKnown) notice(say('notices.noPage'), 'warn');
    if (route.kiosks) room.want(route);
    if (entrance.isOpen) records.enter(isOpen ? route : null);
  },
});
const isShown = () => !document.hidden && router.page === 'room';
const elsewhere = () => watchedElsewhere(store.state.windows, account.user?.id);
const sessions = new Sessions({
  socket: line.socket, store, account,
  isShown,
  isElsewhere: (kioskId) => elsewhere().has(kioskId),
  isLookedAt: (kioskId) => room.isLookedAt(kioskId),
  changed: (session) => room.changed(session),
  comesBack: (kioskId) => room.revive(kioskId),
});
const room = new Room({
  sessions, store, socket: line.socket,
  arranged: (ids, focus) => router.arranged(ids, focus),
  left: (kioskId) => { if (!kiosks.focus(kioskId)) $('room-link').focus(); },
  elsewhere,
  says: (kioskId, name, text) => speaker.picture(kioskId, name, text),
  isShown,
});
const records = new Records({ api: new API(account), account, store, router, watch: (kioskId) => watch(kioskId), named: () => kiosks.relabel() });
/** Who hears what is said on the line. */
const heard = { sessions, registered: () => room.registered() };
const entrance = new Entrance({
  account,
  entered: () => {
    line.open(heard);
    records.open();
    // Nobody is led to a page that has nothing for them, unless they ask for it later.
    if (router.page === 'room' && !hasRoom()) router.replace(homeOf(role())); else router.read();
  },
  left: () => {
    records.clear();
    tour.stop();
    room.closeAll();
    sessions.forgetServers();
    line.close();
    store.dispatch({ type: 'signed-out' });
  },
});

const isReachable = ({ connection }) => connection.state === 'connected';
const kioskName = (kioskId) => nameOf(store.state.kiosks, kioskId);
store.subscribe((state, before) => {
  kiosks.show(state, { isReachable: isReachable(state) });
  crew.show(state.crew, kioskName);
  records.changed(state, before);
  if (state.connection !== before.connection) light.show(state.connection);
  if (state.kiosks.watching !== before.kiosks.watching) windows.tell(account.user?.id ?? null, [...state.kiosks.watching.keys()]);
});
const calls = new Calls({ store, icon: $('icon'), watch: (kioskId) => { if (hasRoom()) watch(kioskId); else showKiosk(kioskId); } });
const settings = new Settings({
  controls: {
    language: $('language'), appearance: $('appearance'), order: $('order'), quality: $('quality'), stillThere: $('still-there-after'),
    sounds: $('sounds'), notifications: $('notifications'), keys: $('single-keys'),
  },
  chosen: prefer,
  spoken: () => {
    calls.relabel();
    kiosks.relabel();
    crew.relabel(store.state.crew, kioskName);
    light.show(store.state.connection);
    records.draw();
    room.tick();
  },
});
store.subscribe(({ preferences }, before) => {
  if (preferences === before.preferences && settings.isShown) return;
  listPanel.show(preferences.list === 'folded');
  crewPanel.show(preferences.crew === 'folded');
  settings.show(preferences);
});

/** Who watches a kiosk, of those who are not this page. */
function watcherOf(kioskId) {
  const { monitoredBy } = store.state.kiosks.byId.get(kioskId);
  return monitoredBy === null ? null : { isOwn: monitoredBy === account.user?.id, name: records.personName(monitoredBy) };
}

function watch(kioskId) {
  router.go('room');
  room.choose(kioskId);
}

function showKiosk(kioskId) { router.open({ page: 'kiosk', kioskId }); }

// Sets, and a round through them

const readSets = () => store.state.preferences.sets.map(setOf);
const keepSet = (place, set) => prefer('sets', withSet(store.state.preferences.sets, place, set));
const tour = new Tour({
  sets: () => readSets().filter(Boolean),
  show: (set) => room.want(set),
  fault: () => room.fault,
  stopped: (fault) => {
    relabel($('sets-button'), 'data-word', 'sets.button');
    if (fault) notice(say('sets.stopped', { fault }), 'warn');
  },
});
const sets = new SetsDialog({
  dialog: $('sets'), template: $('set-template'),
  on: {
    read: readSets, nameOf: kioskName,
    hasPictures: () => room.set.kiosks.length > 0,
    keep: (place) => keepSet(place, room.set),
    forget: (place) => keepSet(place, null),
    show: (place) => showSet(place),
    tour: (seconds) => {
      router.go('room');
      tour.start(seconds);
      relabel($('sets-button'), 'data-word', tour.isOn ? 'sets.touring' : 'sets.button');
    },
  },
});

/** Whether there is such a set. */
function showSet(place) {
  const set = readSets()[place];
  if (!set || !hasRoom()) return false;
  tour.stop();
  router.go('room');
  room.want(set);
  return true;
}

// The wall

function showWall() { $('console').dataset.wall = router.isWall ? 'on' : 'off'; }

function toggleWall() {
  router.go('room');
  router.isWall = !router.isWall;
  showWall();
  if (router.isWall !== (document.fullscreenElement !== null)) toggleFullScreen($('room'));
}
// To leave the full screen is to come back to the room.
document.addEventListener('fullscreenchange', () => {
  if (document.fullscreenElement || !router.isWall) return;
  router.isWall = false;
  showWall();
});

listenToKeys({
  isOn: () => entrance.isOpen,
  hasSingle: hasKeys,
  actions: new Map([
    ['/', () => $('search').focus()],
    ['?', () => $('help').showModal()],
    ['l', () => listPanel.toggle()],
    ['c', () => hasRoom() && crewPanel.toggle()],
    ['w', () => hasRoom() && toggleWall()],
    ['Escape', () => (router.page === 'room' ? room.evenOut() : router.go(homeOf(role())))],
  ]),
  goTo: (place) => { if (!hasRoom()) return false; router.go('room'); return room.goTo(place); },
  showSet: (place) => showSet(place),
});
// A link to the list would be another address.
$('skip').addEventListener('click', () => $('kiosk-list').focus());
$('help-button').addEventListener('click', () => $('help').showModal());
$('wall-button').addEventListener('click', () => toggleWall());
$('sets-button').addEventListener('click', () => { if (tour.isOn) tour.stop(); else sets.open(); });
$('settings-button').addEventListener('click', () => router.go(router.page === 'settings' ? homeOf(role()) : 'settings'));
$('settings-back').addEventListener('click', () => router.go(homeOf(role())));
document.addEventListener('visibilitychange', () => room.tick());
sayGoodbye({ account, line, sessions, cameBack: () => { if (entrance.isOpen) { room.beginAnew(); line.open(heard); } } });

const screen = new Screen();
const stillThere = new StillThere({
  dialog: $('still-there'),
  minutes: () => (router.isWall || tour.isOn ? 0 : store.state.preferences.stillThere),
  isWatching: () => sessions.isWatching,
  gone: () => sessions.abandon(),
});
addEventListener('pagehide', () => windows.leave());

setInterval(() => {
  $('clock').textContent = timeOfDay(serverNow(), { seconds: true });
  store.dispatch({ type: 'windows-aged', now: performance.now() });
  calls.tick();
  stillThere.tick();
  void screen.keepOn(sessions.isWatching);
  crew.tick();
  kiosks.tick();
  records.tick();
  room.tick();
}, 1_000);

/** For tests and for a look from the developer tools: the peer connections, their timings and figures. No token is reachable from here. */
Object.assign(window, { kioskConsole: Object.freeze({
  session(kioskId) {
    const session = sessions.get(kioskId);
    if (!session) return null;
    const { pc, phase, ending, timings, figures, sessionId, stalledSince } = session;
    return { pc, phase, ending, timings, figures, sessionId, stalledSince, video: room.tile(kioskId)?.video ?? null };
  },
  get kioskIds() { return sessions.ids; },
  get connected() { return line.socket.connected; },
}) });

router.read();
await entrance.resume();
