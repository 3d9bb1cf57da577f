// Codes, states, times and figures in the words of a control room.

import { serverNow } from '../net/serverclock.js';
import { faultsOf, isGood, PARTS } from '../state/status.js';
import { explained, known, moment, number, say } from './language.js';

/** What it means and what to do, as sentences one after the other. */
function sentences({ text, todo }) {
  return todo ? `${text} ${todo}` : text;
}

export function reasonText(code) {
  const words = explained('endings', code) ?? explained('own', code);
  return words ? sentences(words) : say('notices.reason', { code });
}

export function refusalText({ code, message = '', detail = /** @type {any} */ ({}) }) {
  const words = explained('codes', code) ?? explained('own', code);
  if (!words) return say('notices.refused', { message: message || code });
  const since = code === 'kiosk-busy' && detail.since ? ` ${say('notices.busySince', { when: timeOfDay(detail.since) })}` : '';
  return sentences({ ...words, text: words.text + since });
}

/** What the kiosk cannot give: what it means here, and what somebody can do. */
export function faultText(code, message) {
  const words = explained('faults', code);
  return { title: words?.text ?? String(message || code), remedy: words?.todo ?? '', detail: message };
}

export function signInText({ code, message = '', retryAfter = null }) {
  const words = explained('codes', code) ?? explained('own', code);
  const text = words ? (retryAfter ? words.text : sentences(words)) : say('notices.signInFailed', { message: message || code });
  return retryAfter ? `${text} ${say('notices.retryAfter', { count: retryAfter })}` : text;
}

// Pictures

/** Faults of the camera that show in a picture that flows. */
const IN_THE_PICTURE = new Set(['covered', 'black', 'frozen', 'slow', 'stalled']);

/** How long a camera may take to its first picture before the wait is called what it is, in milliseconds. */
const PICTURE_PATIENCE = 8_000;

/** From this share of lost packets on the network is called the reason. */
export const LOSSY = 0.02;

function pictureFault(status) {
  return IN_THE_PICTURE.has(status?.camera) ? explained('camera', status.camera) : null;
}

/** Why a picture stands still, as far as the figures of the last second and the kiosk's own word tell; empty where they do not. */
function stallReason({ figures, wantsPicture }, status) {
  if (wantsPicture === false) return say('phase.paused');
  const fault = pictureFault(status);
  if (fault) return fault.text;
  if (figures?.bitrate === 0) return say('phase.noPackets');
  if (figures?.videoPacketRate === 0) return say('phase.soundAlone');
  if (figures?.lossRate > LOSSY) return say('phase.lossy', { share: shareText(figures.lossRate) });
  return '';
}

/** Of a picture that stands still: `{since, last, why}`: for how long, when the last one came, and why, or empty. */
export function stallText(session, { status, now }) {
  const seconds = Math.round((now - session.stalledSince) / 1000);
  return {
    since: seconds < 1 ? say('phase.stalledNow') : say('phase.stalled', { count: seconds }),
    last: session.lastPictureAt === null ? '' : say('phase.lastPicture', { at: timeOfDay(session.lastPictureAt, { seconds: true }) }),
    why: sentenceCase(stallReason(session, status)),
  };
}

/** What is wrong with a session's sound; empty where nothing is. */
export function microphoneText(session, status) {
  const { microphone } = status ?? {};
  if (microphone === 'none' || session.isWithoutSound) return say('tile.noMicrophone');
  return typeof microphone === 'string' && !isGood(microphone) ? sentenceCase(explained('microphone', microphone)?.text ?? microphone) : '';
}

/**
 * What a session is doing, in plain words: `{text, tone: 'good'|'busy'|'warn'|'bad'|'off'}`.
 * `status` is what the kiosk last said of itself, or undefined.
 */
export function phaseText(session, { serverConnected, status, now }) {
  switch (session.phase) {
    case 'starting': return { text: say('phase.starting'), tone: 'busy' };
    case 'answering': return { text: say('phase.answering'), tone: 'busy' };
    case 'connecting': return { text: say('phase.connecting'), tone: 'busy' };
    case 'interrupted': return serverConnected
      ? { text: say('phase.interrupted'), tone: 'warn' }
      : { text: say('phase.cutOff'), tone: 'bad' };
    case 'ended': return { text: say('phase.ended'), tone: 'off' };
    case 'live': break;
  }
  if (!session.timings.firstFrame) {
    const noPicture = [...session.faults.keys()].some((code) => code.startsWith('camera-') || code === 'no-common-codec');
    if (noPicture) return { text: say('phase.soundOnly'), tone: 'warn' };
    return now - (session.timings.connected ?? now) > PICTURE_PATIENCE
      ? { text: say('phase.noPicture'), tone: 'warn' }
      : { text: say('phase.waiting'), tone: 'busy' };
  }
  // For how long and why is said beside it, where nobody is read a number a second.
  if (session.stalledSince !== null) return { text: say('phase.stalledNow'), tone: 'warn' };
  const fault = pictureFault(status);
  if (fault) return { text: sentenceCase(fault.text), tone: 'warn' };
  if (!serverConnected) return { text: say('phase.serverAway'), tone: 'warn' };
  return { text: say('phase.live'), tone: 'good' };
}

function sentenceCase(text) {
  return text.charAt(0).toLocaleUpperCase() + text.slice(1);
}

// What a kiosk says of itself

/** A fault of a heartbeat (state/status.js): `{text, todo}`. */
export function faultWords({ part, value }) {
  if (part === 'temperature') return explained('measured', part, { degrees: Math.round(value) });
  if (part === 'outbox') return explained('measured', part, { count: value });
  return explained(part, value) ?? { text: `${part} ${value}`, todo: '' };
}

/**
 * What is wrong at a kiosk according to its heartbeat: `{text, todo}`, none when all is well.
 * - sinceOf(fault): since when, in milliseconds since 1970; 0 where nobody knows.
 */
export function statusTroubles(status, sinceOf = (_fault) => 0) {
  return faultsOf(status).map((fault) => {
    const { text, todo } = faultWords(fault);
    const since = sinceOf(fault);
    return { text: since ? say('list.since', { what: text, when: timeOfDay(since) }) : text, todo };
  });
}

/** What is well at a kiosk according to its heartbeat, and its temperature where it tells it. */
export function statusWords(status) {
  const words = PARTS.map((part) => [part, status?.[part]]).filter(([, value]) => typeof value === 'string' && isGood(value))
    .map(([part, value]) => explained(part, value)?.text ?? `${part} ${value}`);
  const { temperature } = status ?? {};
  const isHot = faultsOf({ temperature }).length > 0;
  return typeof temperature === 'number' && !isHot ? [...words, explained('measured', 'temperature', { degrees: Math.round(temperature) }).text] : words;
}

export function roleText(role) {
  return role ? known('roles', String(role).toLowerCase()) ?? String(role) : '';
}

// Times and numbers

const CLOCK = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const CLOCK_SECONDS = { ...CLOCK, second: '2-digit' };
const DAY = { day: 'numeric', month: 'short' };

/** - day: whether another day than today is named. - now: by the server's clock, as all that is told here. */
export function timeOfDay(at, { seconds = false, day = true, now = serverNow() } = {}) {
  const clock = moment(at, seconds ? CLOCK_SECONDS : CLOCK);
  const date = new Date(at);
  if (!day || Number.isNaN(date.getTime()) || date.toDateString() === new Date(now).toDateString()) return clock;
  return `${moment(at, DAY)}, ${clock}`;
}

/** "5 min ago". */
export function ago(at, now = serverNow()) {
  return passed(now - at, { minutes: 'time.minutes', hours: 'time.hours', days: 'time.days' }) ?? say('time.moment');
}

/** "5 min later". */
export function later(at, then) {
  return passed(then - at, { minutes: 'time.minutesLater', hours: 'time.hoursLater', days: 'time.daysLater' });
}

/** Null for less than a minute. */
function passed(milliseconds, keys) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return null;
  if (seconds < 3600) return say(keys.minutes, { count: Math.floor(seconds / 60) });
  if (seconds < 48 * 3600) return say(keys.hours, { count: Math.floor(seconds / 3600) });
  return say(keys.days, { count: Math.floor(seconds / 86400) });
}

export function duration(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (digits) => String(digits).padStart(2, '0');
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

export function bitrateText(bitrate) {
  if (bitrate === null) return say('units.unknown');
  if (bitrate < 995_000) return say('units.kilobits', { number: number(bitrate / 1000) });
  return say('units.megabits', { number: number(bitrate / 1e6, { minimumFractionDigits: 1, maximumFractionDigits: 1 }) });
}

/** A share of one as a percentage; small ones with a decimal. */
export function shareText(share) {
  if (share === null) return say('units.unknown');
  return number(share, { style: 'percent', maximumFractionDigits: share > 0 && share < 0.0995 ? 1 : 0 });
}
