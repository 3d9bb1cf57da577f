// Sessions and lines of the audit, as the server keeps them.

import { milliseconds, object, text } from '../payload.js';

const whole = (value) => (Number.isSafeInteger(value) ? value : null);

/**
 * `{sessionId, kioskId, monitorId, purpose (texts, the last or null), startedAt, mediaStartedAt, mediaStoppedAt, endedAt (milliseconds since 1970,
 * 0 where it has not happened), firstFrameMs (or null), reason (text or null)}`; null where it is none.
 */
export function readSession(item) {
  const fields = object(item);
  const [sessionId, kioskId, monitorId] = ['sessionId', 'kioskId', 'monitorId'].map((name) => text(fields?.[name]));
  if (!sessionId || !kioskId || !monitorId) return null;
  return {
    sessionId, kioskId, monitorId, purpose: text(fields.purpose),
    startedAt: milliseconds(fields.startedAt), mediaStartedAt: milliseconds(fields.mediaStartedAt),
    mediaStoppedAt: milliseconds(fields.mediaStoppedAt), endedAt: milliseconds(fields.endedAt),
    firstFrameMs: whole(fields.firstFrameMs), reason: text(fields.reason),
  };
}

/** `{sequence, at (milliseconds since 1970), kind, actor, subject (texts, may be empty), details (object)}`; null where it is none. */
export function readAuditLine(item) {
  const fields = object(item);
  const kind = text(fields?.kind);
  const sequence = whole(fields?.sequence);
  if (!kind || sequence === null) return null;
  return {
    sequence, kind, at: milliseconds(fields.at), actor: text(fields.actor) ?? '', subject: text(fields.subject) ?? '', details: object(fields.details) ?? {},
  };
}

/** Kinds of lines, in groups that somebody may want to see. */
const GROUPS = new Map([
  ['watching', (kind) => /^(monitoring|media|recording|publishing|talk)-/.test(kind)],
  ['sign-in', (kind) => kind === 'login' || kind === 'login-refused' || kind === 'logout' || kind === 'token-reused'],
  ['accounts', (kind) => /^(account|password|permission)-/.test(kind)],
  ['server', (kind) => /^(keys|audit|server)-/.test(kind)],
]);

export const GROUP_NAMES = Object.freeze([...GROUPS.keys()]);

/** Whether a line is one of those looked for. - group: one of `GROUP_NAMES`, or null. - who: part of a name in it, or null. */
export function isWanted(line, { group = null, who = null }) {
  if (group !== null && !GROUPS.get(group)?.(line.kind)) return false;
  if (who === null) return true;
  const part = who.toLowerCase();
  return [line.actor, line.subject, ...Object.values(line.details)].some((value) => typeof value === 'string' && value.toLowerCase().includes(part));
}

/** Details whose values are in the words of the contract, and those that are a line's own business. */
const SHOWN = ['purpose', 'reason', 'code', 'seconds', 'firstFrameMs', 'role', 'displayName', 'address', 'count', 'through'];

/** `[name, value]` of the details that are told: texts that are not empty, and numbers. */
export function toldDetails({ details }) {
  return SHOWN.filter((name) => Object.hasOwn(details, name)).map((name) => [name, details[name]])
    .filter(([, value]) => (typeof value === 'string' && value !== '') || (typeof value === 'number' && Number.isFinite(value)));
}

/**
 * A session from its beginning to its end: `{purpose, endedBy, steps}`
 * - purpose: what was given as the reason to watch, or null. - endedBy: who ended it, where that was somebody else than its monitor, or null.
 * - steps: its lines of the audit, the oldest first.
 */
export function storyOf(session, lines) {
  const steps = lines.filter(({ details }) => details.sessionId === session.sessionId).sort((one, other) => one.sequence - other.sequence);
  const end = steps.filter(({ kind }) => kind === 'monitoring-stopped').at(-1);
  const purpose = session.purpose ?? steps.map(({ details }) => text(details.purpose)).find(Boolean) ?? null;
  return { steps, purpose, endedBy: end && end.actor && end.actor !== session.monitorId ? end.actor : null };
}
