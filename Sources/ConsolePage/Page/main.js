// The monitor console: signs in, keeps the socket, and hands what arrives to the views.

import { Revival } from './media/revival.js';
import { WatchSession } from './media/session.js';
import { Account } from './net/account.js';
import { SocketIOClient } from './net/socketio.js';
import { clientId } from './net/tab.js';
import { isFree, nameOf } from './state/kiosks.js';
import { object } from './state/payload.js';
import { Store } from './state/store.js';
import { ConnectionLight } from './views/connectionlight.js';
import { CrewFeed } from './views/crewfeed.js';
import { KioskList } from './views/kiosklist.js';
import { Panel } from './views/panels.js';
import { Tile } from './views/tile.js';
import { Wall } from './views/wall.js';
import { refusalText, signInText } from './words/en.js';

/** An element of the page's own document, of whatever kind that says.
 * @type {(id: string) => any} */
const $ = (id) => document.getElementById(id);

const account = new Account();
const store = new Store();
const sessions = new Map();
const tiles = new Map();
/** Sessions whose end has been seen to. */
const endings = new WeakSet();
let knownIceServers = null;

const kiosks = new KioskList({
  list: $('kiosk-list'), template: $('kiosk-template'), search: $('search'), count: $('kiosk-count'), none: $('kiosk-none'),
  chosen: (kioskId) => choose(kioskId),
});
const crew = new CrewFeed({ list: $('crew-events'), template: $('crew-template'), none: $('crew-none'), count: $('crew-count') });

const wall = new Wall({ stage: $('stage'), empty: $('stage-empty') });
const listPanel = new Panel({ room: $('console'), button: $('list-button'), name: 'list' });
const crewPanel = new Panel({ room: $('console'), button: $('crew-button'), name: 'crew' });
const light = new ConnectionLight({ element: $('connection'), text: $('connection-text') });

store.subscribe((state, before) => {
  kiosks.show(state.kiosks, { isReachable: state.connection.state === 'connected' });
  crew.show(state.crew, (kioskId) => nameOf(state.kiosks, kioskId));
  if (state.connection !== before.connection) light.show(state.connection);
  for (const [kioskId, session] of sessions) {
    if (state.connection !== before.connection || state.kiosks.byId.get(kioskId) !== before.kiosks.byId.get(kioskId)) changed(session);
  }
});

const revival = new Revival({
  watch: (kioskId) => { if (tiles.has(kioskId)) watch(kioskId); },
  isPossible: (kioskId) => socket.connected && isFree(store.state.kiosks, kioskId, account.user?.id),
});

const socket = new SocketIOClient({
  url: location.origin,
  credentials: async ({ refused }) => ({ token: await account.token({ refused }) }),
  handlers: {
    connected: registered,
    event: received,
    state: connectionChanged,
    refused: ({ code }) => { if (code === 'account-disabled') signedOut({ code }); },
  },
});

// Signing in and out

$('sign-in-form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const button = $('sign-in-button');
  button.disabled = true;
  $('sign-in-error').textContent = '';
  try {
    await account.signIn($('username').value.trim(), $('password').value);
    enter();
  } catch (error) {
    $('sign-in-error').textContent = signInText(error);
    $('password').select();
  } finally {
    button.disabled = false;
  }
});

$('sign-out').addEventListener('click', () => signedOut(null));

function enter() {
  $('password').value = '';
  if (account.user.role === 'kiosk') {
    signedOut({ code: 'wrong-role' });
    return;
  }
  if (account.user.role === 'admin') {
    signedOut({ code: 'administrator' });
    return;
  }
  const { id, displayName, organization } = account.user;
  $('operator').textContent = displayName || id;
  $('operator').title = id;
  $('organization').textContent = organization ?? '';
  show('console');
  socket.open();
}

function signedOut(why) {
  show('sign-in');
  for (const session of sessions.values()) session.stop();
  for (const kioskId of [...tiles.keys()]) dismiss(kioskId);
  socket.close();
  account.signOut();
  store.dispatch({ type: 'signed-out' });
  knownIceServers = null;
  $('notices').replaceChildren();
  $('sign-in-error').textContent = why ? signInText(why) : '';
}

function show(view) {
  $('sign-in').hidden = view !== 'sign-in';
  $('console').hidden = view !== 'console';
  if (view === 'sign-in') $('username').focus(); else $('kiosk-list').focus({ preventScroll: true });
}

// The socket

async function registered() {
  // Always said, empty too: what this tab had before it was loaded again is over.
  const carried = [...sessions.values()].filter((session) => !session.ended && session.sessionId).map((session) => session.sessionId);
  let known;
  try {
    ({ sessions: known } = await socket.request('register-monitor', { clientId, sessions: carried }));
  } catch (error) {
    if (error.code === 'disconnected') return;
    notice(error.code === 'forbidden' ? 'This account may not use the console.' : refusalText(error), 'bad');
    return;
  }
  for (const session of sessions.values()) {
    // One that began while the answer was under way is not in it.
    session.resumed(Array.isArray(known) && carried.includes(session.sessionId) ? known : null);
  }
}

function received(name, [payload]) {
  store.dispatch({ type: 'server', name, payload });
  const fields = object(payload);
  if (!fields) return;
  switch (name) {
    case 'monitoring-started':
      if (typeof fields.sessionId !== 'string') break;
      knownIceServers = Array.isArray(fields.iceServers) ? fields.iceServers : [];
      sessions.get(fields.kioskId)?.started({ sessionId: fields.sessionId, iceServers: knownIceServers });
      break;
    case 'monitoring-stopped': sessions.get(fields.kioskId)?.stopped(fields); break;
    case 'answer': sessions.get(fields.fromId)?.answered(fields); break;
    case 'ice-candidate': sessions.get(fields.fromId)?.candidate(fields); break;
    case 'restart-request': sessions.get(fields.fromId)?.restartRequested(fields); break;
    case 'session-error': sessions.get(fields.fromId)?.fault(fields); break;
    case 'error': console.warn(`refused: ${fields.event ?? ''} ${fields.code ?? ''} ${fields.message ?? ''}`); break;
  }
}

function connectionChanged(state, { retryAt = null } = {}) {
  store.dispatch({ type: 'connection', state, retryAt });
  // Signed out elsewhere, or the refresh token was refused: there is nothing left to try with.
  if (state === 'idle' && !$('console').hidden && !account.canResume) signedOut(account.refusal ?? { code: 'token-expired' });
}

// Watching

function choose(kioskId) {
  const session = sessions.get(kioskId);
  if (session && !session.ended) {
    tiles.get(kioskId).focus();
    return;
  }
  if (!socket.connected) {
    notice('The server is away. Kiosks can be watched again as soon as it is back.', 'warn');
    return;
  }
  watch(kioskId);
}

function watch(kioskId) {
  const session = new WatchSession({ kioskId, signaling: socket, iceServers: usable(knownIceServers), changed });
  sessions.set(kioskId, session);
  let tile = tiles.get(kioskId);
  if (!tile) {
    tile = new Tile({
      template: $('tile-template'), name: nameOf(store.state.kiosks, kioskId), kioskId,
      stop: () => { revival.forget(kioskId); sessions.get(kioskId)?.stop(); dismiss(kioskId); },
      again: () => choose(kioskId),
      dismiss: () => dismiss(kioskId),
      promote: () => { wall.focus = wall.focus === kioskId ? null : kioskId; },
    });
    tiles.set(kioskId, tile);
    wall.add(kioskId, tile);
  }
  tile.attach(session);
  session.start();
  changed(session);
}

function dismiss(kioskId) {
  const tile = tiles.get(kioskId);
  if (!tile) return;
  revival.forget(kioskId);
  tile.remove();
  tiles.delete(kioskId);
  sessions.delete(kioskId);
  store.dispatch({ type: 'watching', kioskId, phase: null });
  wall.remove(kioskId);
  kiosks.focus(kioskId);
}

function changed(session) {
  const { kioskId } = session;
  if (sessions.get(kioskId) !== session) return;
  if (session.ended && !endings.has(session)) {
    endings.add(session);
    revival.ended(kioskId, session.ending);
  } else if (session.timings.firstFrame && !session.ended) {
    revival.lives(kioskId);
  }
  tiles.get(kioskId)?.show({
    serverConnected: socket.connected, status: store.state.kiosks.byId.get(kioskId)?.status, comesBack: revival.isWaiting(kioskId),
  });
  store.dispatch({ type: 'watching', kioskId, phase: session.ended ? null : session.phase });
}

/** ICE servers of an earlier session, unless their credentials (`expiry:user`) end within a minute. */
function usable(iceServers) {
  const fresh = (iceServers ?? []).every(({ username }) => {
    const expiry = Number.parseInt(username ?? '', 10);
    return Number.isNaN(expiry) || expiry * 1000 > Date.now() + 60_000;
  });
  return fresh ? iceServers : null;
}

function notice(text, tone) {
  const line = document.createElement('p');
  line.className = 'notice';
  line.dataset.tone = tone;
  line.textContent = text;
  $('notices').replaceChildren(line);
  setTimeout(() => line.remove(), 8_000);
}

// The page

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $('console').hidden || $('help').open) return;
  if (event.target instanceof HTMLInputElement) return;
  switch (event.key) {
    case '/': $('search').focus(); break;
    case '?': $('help').showModal(); break;
    case 'l': listPanel.toggle(); break;
    case 'c': crewPanel.toggle(); break;
    case 'Escape':
      if (wall.focus === null) return;
      wall.focus = null;
      break;
    default: {
      const tile = /^[1-9]$/.test(event.key) ? [...tiles.values()][Number(event.key) - 1] : null;
      if (!tile) return;
      tile.focus();
    }
  }
  event.preventDefault();
});

$('help-button').addEventListener('click', () => $('help').showModal());

// A closed page watches nobody: say so at once instead of leaving a camera on for the grace period. What a WebSocket is given now may never
// leave the machine (Firefox); a request that may outlive its page does.
addEventListener('pagehide', () => {
  const token = account.heldToken;
  for (const session of sessions.values()) {
    if (session.ended) continue;
    if (token && session.sessionId) {
      void fetch(`/api/sessions/${encodeURIComponent(session.sessionId)}`, {
        method: 'DELETE', keepalive: true, credentials: 'same-origin', headers: { Authorization: `Bearer ${token}` },
      }).catch(() => {});
      session.left();
    } else {
      session.stop();
    }
  }
  socket.close();
});
addEventListener('pageshow', (event) => {
  if (!event.persisted || $('console').hidden) return;
  for (const kioskId of [...tiles.keys()]) dismiss(kioskId);
  socket.open();
});

setInterval(() => {
  $('clock').textContent = new Date().toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  crew.tick();
  kiosks.tick();
}, 1_000);

/** For tests and for a look from the developer tools: the peer connections, their timings and figures. No token is reachable from here. */
Object.assign(window, { kioskConsole: Object.freeze({
  session(kioskId) {
    const session = sessions.get(kioskId);
    if (!session) return null;
    const { pc, phase, ending, timings, figures, sessionId, stalledSince } = session;
    return { pc, phase, ending, timings, figures, sessionId, stalledSince, video: tiles.get(kioskId)?.video ?? null };
  },
  get kioskIds() { return [...sessions.keys()]; },
  get connected() { return socket.connected; },
}) });

if (account.canResume) {
  try {
    await account.token();
    enter();
  } catch (error) {
    show('sign-in');
    if (!error.final) $('sign-in-error').textContent = signInText(error);
  }
} else {
  show('sign-in');
}
