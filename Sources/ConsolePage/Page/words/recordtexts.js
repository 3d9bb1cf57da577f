// Crew events, sessions and lines of the audit in words.

import { happenedAt, isLate } from '../state/records/crewlog.js';
import { known, number, say } from './language.js';
import { duration, reasonText, refusalText, roleText, timeOfDay } from './texts.js';

/** From so long ago on, in milliseconds, an arrival is no longer now. */
const NOW = 60_000;

/** Who it is: `{name, id}`, the id where it is not the name already. */
export function crewName({ crewId, name }) {
  return { name: name ?? say('crew.nameless', { id: crewId ?? '' }), id: name ? crewId ?? '' : '' };
}

/** The person's role and train. */
export function crewDetails({ role, train }) {
  return [roleText(role), train ? say('crew.train', { number: train }) : ''].filter(Boolean).join(' · ');
}

/** "22:10", or of an event that came late "happened 22:10, arrived now". */
export function arrivalText(event, now) {
  const happened = timeOfDay(happenedAt(event));
  if (!isLate(event)) return happened;
  const isNow = Math.abs(now - event.receivedAt) < NOW;
  return isNow ? say('log.arrivedNow', { happened }) : say('log.arrived', { happened, arrived: timeOfDay(event.receivedAt) });
}

/** What there is to say about the kiosk's clock at the time; empty where there is nothing. */
export function clockText({ clock }) {
  switch (clock) {
    case 'corrected': return say('crew.corrected');
    case 'doubtful': return say('crew.doubtful');
    default: return '';
  }
}

/** "3 h 5 min". */
export function spanText(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60_000));
  return say('log.span', { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** "2:05:10" from one moment to another. */
export function lastedText({ startedAt, endedAt }, now) {
  return duration((endedAt || now) - startedAt);
}

/** How long the kiosk took to its first picture, as far as it has said. */
export function firstPictureText({ firstFrameMs, mediaStartedAt }) {
  if (firstFrameMs !== null) return say('audit.afterMilliseconds', { number: number(firstFrameMs) });
  return mediaStartedAt > 0 ? timeOfDay(mediaStartedAt, { seconds: true }) : say('audit.noPicture');
}

/** Why it ended, or that it goes on. */
export function endText({ endedAt, reason }) {
  if (endedAt === 0) return say('audit.goesOn');
  return reason === null ? timeOfDay(endedAt, { seconds: true }) : reasonText(reason);
}

/** A line of the audit in one sentence. - nameOf(id): what an account is called. */
export function auditText({ kind, actor, subject }, nameOf) {
  const who = actor === 'cli' ? say('audit.commandLine') : actor === 'server' ? say('audit.server') : nameOf(actor);
  return known('audited', kind, { actor: who || say('audit.nobody'), subject: nameOf(subject) || say('audit.nobody') })
    ?? [kind, who, nameOf(subject)].filter(Boolean).join(' · ');
}

/** One detail of a line. - detail: its name and its value. */
export function detailText(detail) {
  const [name, value] = detail;
  switch (name) {
    case 'reason': return reasonText(value);
    case 'code': return refusalText({ code: value });
    case 'seconds': return say('audit.lasted', { time: duration(Number(value) * 1000) });
    case 'firstFrameMs': return say('audit.firstPictureAfter', { number: number(Number(value)) });
    case 'role': return accountRole(value);
    case 'displayName': return say('audit.named', { name: value });
    case 'address': return say('audit.from', { address: value });
    case 'count': return say('audit.times', { count: Number(value) });
    case 'through': return say('audit.through', { number: number(Number(value)) });
    case 'purpose': return say('audit.purposeWas', { purpose: value });
    default: return String(value);
  }
}

/** What may sign in as what. */
export function accountRole(role) {
  switch (role) {
    case 'monitor': return say('people.monitor');
    case 'admin': return say('people.admin');
    case 'kiosk': return say('people.kiosk');
    default: return String(role);
  }
}
