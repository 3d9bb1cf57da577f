// The other windows of this browser that watch kiosks, as they tell of themselves (net/windowchannel.js).

import { object, text } from './payload.js';

/** A window that has not been heard of for so long, in milliseconds, is gone: a browser may slow one that is out of sight to a word a minute. */
export const FORGOTTEN_AFTER = 90_000;

const NONE = Object.freeze({ byId: new Map() });

/**
 * `{byId}`: by window `{accountId, kiosks, at}`.
 * Events: `{type: 'window', message, at}`: what another window said, and when (milliseconds of `performance.now()`). `{type: 'windows-aged', now}`.
 */
export function reduceWindows(windows = NONE, event) {
  switch (event.type) {
    case 'window': return heard(windows, object(event.message), event.at);
    case 'windows-aged': {
      const kept = [...windows.byId].filter(([, { at }]) => event.now - at < FORGOTTEN_AFTER);
      return kept.length === windows.byId.size ? windows : { byId: new Map(kept) };
    }
    default: return windows;
  }
}

function heard(windows, message, at) {
  const windowId = text(message?.windowId);
  if (!windowId) return windows;
  const accountId = text(message.accountId);
  const byId = new Map(windows.byId);
  if (message.isLeaving === true || !accountId) return byId.delete(windowId) ? { byId } : windows;
  const kiosks = Array.isArray(message.kiosks) ? message.kiosks.filter((id) => text(id) !== null) : [];
  byId.set(windowId, { accountId, kiosks, at });
  return { byId };
}

/** The kiosks that other windows of an account watch. */
export function watchedElsewhere({ byId }, accountId) {
  return new Set([...byId.values()].filter((one) => one.accountId === accountId).flatMap(({ kiosks }) => kiosks));
}
