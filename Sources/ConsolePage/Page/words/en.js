// Codes of the wire in the words of a control room.

const REASONS = new Map(Object.entries({
  'stopped-here': 'You stopped watching.',
  'stopped-by-monitor': 'Watching was stopped from your account.',
  'monitor-disconnected': 'The server lost this console for too long and closed the session.',
  'kiosk-disconnected': 'The kiosk lost its connection to the server and did not come back in time.',
  'kiosk-replaced': 'The kiosk started afresh and dropped the old session.',
  'kiosk-restarting': 'The kiosk’s program is being restarted or upgraded.',
  'media-lost': 'The kiosk lost the network path and no other was found.',
  'taken-over': 'A colleague has taken over.',
  'session-forgotten': 'The server no longer knows this session.',
  'kiosk-silent': 'The kiosk is online but did not answer. If it stays so, restart “kiosk-agent” there, or run “kiosk-agent doctor”.',
  'no-path': 'No network path to the kiosk was found. A firewall may block the way; a TURN server helps.',
  'session-timeout': 'The session ran into its time limit.',
  'ended-by-admin': 'An administrator ended the session.',
  'server-shutdown': 'The server is shutting down.',
}));

export function reasonText(code) {
  return REASONS.get(code) ?? `Reason: ${code}.`;
}

const REFUSALS = new Map(Object.entries({
  'unknown-kiosk': () => 'This kiosk does not exist, or belongs to another organization.',
  'kiosk-offline': () => 'The kiosk is offline. It can be watched as soon as it is back.',
  'kiosk-busy': ({ detail }) => `Another monitor is watching this kiosk since ${timeOfDay(detail.since)}. One at a time.`,
  'not-registered': () => 'The server does not know this console yet. Try again in a moment.',
  'no-session': () => 'The server knows of no session with this kiosk.',
  'not-your-session': () => 'The session with this kiosk belongs to another monitor.',
  'forbidden': () => 'Your account is not allowed to watch kiosks.',
  'throttled': () => 'Too many requests at once. Wait a moment and try again.',
  'disconnected': () => 'The connection to the server was lost before it could answer.',
  'no-answer': () => 'The server did not answer in time.',
  'internal-error': () => 'The server could not record the session. Its operator finds the reason in its log.',
  'cluster-unavailable': () => 'The server cannot reach its records at the moment.',
}));

export function refusalText({ code, message = '', detail = {} }) {
  return REFUSALS.get(code)?.({ detail }) ?? `Refused: ${message || code}.`;
}

/** What the kiosk cannot give: what it means here, and what somebody can do. */
const FAULTS = new Map(Object.entries({
  'camera-missing': ['No camera found', 'Sound goes on. Check the camera’s cable at the kiosk.'],
  'camera-busy': ['Camera in use by another program', 'Sound goes on. The kiosk keeps trying.'],
  'camera-failed': ['Camera failed', 'Sound goes on. The kiosk keeps trying to open it.'],
  'microphone-failed': ['Microphone failed', 'The picture goes on without sound.'],
  'no-common-codec': ['No common video format', 'This browser cannot play VP8. Use a current Chromium, Edge, Safari or Firefox.'],
  'ice-failed': ['No network path to the kiosk', 'A firewall may block the way. A TURN server helps; tell the network’s operator.'],
  'dtls-failed': ['Encryption could not be set up', 'Stop and watch again. If it stays, run “kiosk-agent doctor” at the kiosk.'],
  'consent-expired': ['Network path lost', 'Another path is being looked for.'],
  'not-bundled': ['No sound', 'This browser wants a path of its own for the sound; the kiosk has one for both. Use a current Chromium, Edge, Safari or Firefox.'],
  'bad-offer': ['The kiosk could not read this browser’s offer', 'Reload the page. If it stays, tell whoever runs the server the browser’s version.'],
}));

export function faultText(code, message) {
  const [title, remedy] = FAULTS.get(code) ?? [String(message || code), ''];
  return { title, remedy, detail: message };
}

const SIGN_IN = new Map(Object.entries({
  'invalid-credentials': 'Name or password is not right.',
  'throttled': 'Too many attempts.',
  'account-disabled': 'This account is disabled. Ask your administrator.',
  'unreachable': 'The server does not answer. Check the network and try again.',
  'token-expired': 'Your sign-in has expired. Please sign in again.',
  'token-invalid': 'Your sign-in is no longer valid. Please sign in again.',
  'token-missing': 'Please sign in again.',
  'wrong-role': 'This account belongs to a kiosk. The console is for monitors.',
  'administrator': 'This is an administrator’s account, and this console shows kiosks to monitors. Sign in with a monitor’s account; accounts and records are managed with “kiosk-signaling account” on the server or over its HTTP API.',
}));

export function signInText({ code, message, retryAfter }) {
  const text = SIGN_IN.get(code) ?? `Signing in failed: ${message}.`;
  return retryAfter ? `${text} Try again in ${retryAfter} s.` : text;
}

/** What is wrong with a picture that flows, as the kiosk sees it. */
const PICTURES = new Map(Object.entries({
  'covered': 'Camera covered, or its picture is one even colour',
  'black': 'Camera gives a black picture',
  'frozen': 'Camera repeats one picture',
  'slow': 'Camera gives fewer pictures than it should',
  'stalled': 'Camera delivers nothing',
}));

/** How long a camera may take to its first picture before the wait is called what it is, in milliseconds. */
const PICTURE_PATIENCE = 8_000;

/** Why a picture stands still, as far as the figures of the last second and the kiosk's own word tell; empty where they do not. */
function stallText(figures, status) {
  const picture = PICTURES.get(status?.camera);
  if (picture) return picture.charAt(0).toLowerCase() + picture.slice(1);
  if (figures?.bitrate === 0) return 'no packets from the kiosk';
  if (figures?.lossRate > 0.02) return `the network has lost ${Math.round(figures.lossRate * 100)} % of the packets`;
  return '';
}

/**
 * What a session is doing, in plain words: `{text, tone: 'good'|'busy'|'warn'|'bad'|'off'}`.
 * `status` is what the kiosk last said of itself, or undefined.
 */
export function phaseText(session, { serverConnected, status, now }) {
  switch (session.phase) {
    case 'starting': return { text: 'Asking the server…', tone: 'busy' };
    case 'answering': return { text: 'Waiting for the kiosk to answer…', tone: 'busy' };
    case 'connecting': return { text: 'Finding a path to the kiosk…', tone: 'busy' };
    case 'interrupted': return serverConnected
      ? { text: 'Path lost. Looking for another…', tone: 'warn' }
      : { text: 'Path and server lost. Waiting for the network…', tone: 'bad' };
    case 'ended': return { text: 'Ended', tone: 'off' };
    case 'live': break;
  }
  if (!session.timings.firstFrame) {
    const noPicture = [...session.faults.keys()].some((code) => code.startsWith('camera-') || code === 'no-common-codec');
    if (noPicture) return { text: 'Live, sound only', tone: 'warn' };
    return now - (session.timings.connected ?? now) > PICTURE_PATIENCE
      ? { text: 'Connected, but the camera gives no picture', tone: 'warn' }
      : { text: 'Connected. Waiting for the picture…', tone: 'busy' };
  }
  if (session.stalledSince !== null) {
    const seconds = Math.round((now - session.stalledSince) / 1000);
    const why = stallText(session.figures, status);
    return { text: `No new picture${seconds < 1 ? '' : ` for ${seconds} s`}${why ? `: ${why}` : ''}`, tone: 'warn' };
  }
  const picture = PICTURES.get(status?.camera);
  if (picture) return { text: picture, tone: 'warn' };
  if (!serverConnected) return { text: 'Live. Server away, picture goes on', tone: 'warn' };
  return { text: 'Live', tone: 'good' };
}

/** What is wrong at a kiosk according to its heartbeat: a list of short texts, empty when all is well. */
export function statusTroubles(status) {
  const troubles = [];
  for (const part of ['camera', 'microphone', 'network']) {
    const value = status?.[part];
    const word = typeof value === 'object' && value !== null ? value.state ?? value.code : value;
    if (typeof word === 'string' && !['ok', 'idle', 'live', 'closed', 'open', 'ready', 'none', 'good', 'streaming', 'off', 'running'].includes(word)) {
      troubles.push(`${part} ${word}`);
    }
  }
  if (status?.memory === 'scarce' || status?.memory === 'exhausted') troubles.push(`memory ${status.memory}`);
  if (status?.storage === 'failed') troubles.push('disk failed');
  if (status?.storage === 'full' || status?.storage === 'reserve') troubles.push('disk full');
  if (status?.clock === 'wrong') troubles.push('clock wrong');
  if (typeof status?.temperature === 'number' && status.temperature >= 80) troubles.push(`${Math.round(status.temperature)} °C`);
  if (typeof status?.outbox === 'number' && status.outbox > 0) troubles.push(`${status.outbox} crew ${status.outbox === 1 ? 'event' : 'events'} waiting`);
  return troubles;
}

const ROLES = new Map([
  ['pilot', 'Driver'], ['loco-pilot', 'Driver'], ['driver', 'Driver'], ['guard', 'Guard'], ['conductor', 'Conductor'],
]);

export function roleText(role) {
  return role ? ROLES.get(String(role).toLowerCase()) ?? String(role) : '';
}

// Times and numbers

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const CLOCK_SECONDS = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const DAY = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

export function timeOfDay(moment, { seconds = false } = {}) {
  const date = new Date(moment);
  if (Number.isNaN(date.getTime())) return String(moment);
  const clock = (seconds ? CLOCK_SECONDS : CLOCK).format(date);
  return date.toDateString() === new Date().toDateString() ? clock : `${DAY.format(date)}, ${clock}`;
}

export function ago(moment, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - moment) / 1000));
  if (seconds < 60) return 'a moment ago';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function bitrateText(bitrate) {
  if (bitrate === null) return '–';
  return bitrate >= 995_000 ? `${(bitrate / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bitrate / 1000)} kbit/s`;
}
