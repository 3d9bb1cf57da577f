// A closed page watches nobody.

import { request } from '../net/api.js';

/**
 * Said at once instead of leaving a camera on for the grace period. What a WebSocket is given now may never leave the machine (Firefox);
 * a request that may outlive its page does.
 * - cameBack(): the page is shown again as it was left.
 */
export function sayGoodbye({ account, line, sessions, cameBack }) {
  addEventListener('pagehide', () => {
    const token = account.heldToken;
    const end = (sessionId) => { void request('endSession', { path: { sessionId }, token, keepalive: true }); };
    sessions.leave(token ? end : null);
    line.close();
  });
  addEventListener('pageshow', (event) => { if (event.persisted) cameBack(); });
}
