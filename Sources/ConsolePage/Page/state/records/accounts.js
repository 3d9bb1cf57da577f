// Accounts of the organization: people and kiosks.

import { milliseconds, object, text } from '../payload.js';

export const ROLES = Object.freeze(['monitor', 'admin', 'kiosk']);

/** `{id, role, displayName, isDisabled, createdAt, lastSeen (milliseconds since 1970, 0 where unknown), version, hostname (texts or null)}`; null where it is none. */
export function readAccount(item) {
  const fields = object(item);
  const [id, role] = [text(fields?.id), text(fields?.role)];
  if (!id || !role) return null;
  return {
    id, role, displayName: text(fields.displayName) ?? '', isDisabled: fields.disabled === true,
    createdAt: milliseconds(fields.createdAt), lastSeen: milliseconds(fields.lastSeen), version: text(fields.version), hostname: text(fields.hostname),
  };
}

/** What an account is called. */
export const titleOf = ({ id, displayName }) => displayName || id;

/** Those of a kind whose name or id holds every word, by name. - areKiosks: kiosks, or people. - compare(a, b): of two names. */
export function chosenAccounts(accounts, { areKiosks, find = '', compare }) {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  return accounts
    .filter(({ id, role, displayName }) => (role === 'kiosk') === areKiosks && words.every((word) => `${id} ${displayName}`.toLowerCase().includes(word)))
    .sort((one, other) => compare(titleOf(one), titleOf(other)) || compare(one.id, other.id));
}

/** What is still to be done until kiosks can be watched, in this order: `{step: 'monitor'|'kiosk'|'connect', isDone}`; none once all is. - seen: the kiosks as the server tells of them (state/kiosks.js). */
export function firstSteps(accounts, seen) {
  const kiosks = accounts.filter(({ role }) => role === 'kiosk');
  const steps = [
    { step: 'monitor', isDone: accounts.some(({ role }) => role === 'monitor') },
    { step: 'kiosk', isDone: kiosks.length > 0 },
    { step: 'connect', isDone: kiosks.some(({ lastSeen }) => lastSeen > 0) || [...seen.values()].some(({ online, lastSeen }) => online || lastSeen > 0) },
  ];
  return steps.every(({ isDone }) => isDone) ? [] : steps;
}

// The server's rules for an account's fields (its OpenAPI document has them): a code of `judged`, or null where the value keeps them.

const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;
const length = (value) => [...value].length;

export function idFault(id) {
  if (id === '') return 'id-missing';
  return /^[A-Za-z0-9._@-]{1,64}$/.test(id) ? null : 'id-rule';
}

/** An empty one is none: the id stands in for it. */
export function displayNameFault(name) {
  return length(name) > 64 || CONTROLS.test(name) ? 'name-rule' : null;
}

export function passwordFault(password) {
  return length(password) < 10 || length(password) > 256 || password.includes('\0') ? 'password-rule' : null;
}

/** Neither 0 and o nor 1 and l: it may be read out over the telephone. */
const LETTERS = 'abcdefghijkmnpqrstuvwxyz23456789';

/** A password of 100 random bits. - random(count): so many random bytes. */
export function newPassword(random = (count) => crypto.getRandomValues(new Uint8Array(count))) {
  const letters = Array.from(random(20), (byte) => LETTERS[byte % LETTERS.length]).join('');
  return letters.match(/.{5}/g).join('-');
}
