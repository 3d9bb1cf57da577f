// A new account, whose id somebody may have already.

import { APIError } from './api.js';

/** As `API.call`. That the id is taken, perhaps in an organization that nobody here sees, has a code of its own: `id-taken`. */
export async function addAccount(api, body) {
  const result = await api.call('addAccount', { body });
  const isTaken = !result.ok && result.error.code === 'conflict';
  return isTaken ? { ok: false, error: new APIError(409, 'id-taken', result.error.message) } : result;
}
