// Many accounts out of one file: each line is judged before anything is sent.

import { displayNameFault, idFault, passwordFault, ROLES } from './accounts.js';
import { parseCSV } from './csv.js';

/** The file's columns, by what their heads may be called. */
const COLUMNS = new Map([
  ['id', 'id'], ['kioskid', 'id'], ['account', 'id'],
  ['role', 'role'],
  ['displayname', 'displayName'], ['name', 'displayName'],
  ['password', 'password'],
]);

/** So many at once: each is a password to be hashed by the server. */
export const MOST_LINES = 2_000;

/** What a line can be judged to be. All but `good` are not sent. */
export const VERDICTS = Object.freeze(['good', 'exists', 'twice', 'id-missing', 'id-rule', 'role-unknown', 'name-rule', 'password-rule', 'too-many-fields']);

/**
 * `{problem, lines}`
 * - problem: why the file as a whole cannot be read: `'empty'`, `'quote'` (a quotation mark without an end), `'head'` (no column `id`), `'long'`; or null.
 * - lines: `{line, id, role, displayName, password (empty: one is to be made), verdict}`. A line without a role is a kiosk.
 * - taken: the ids that there are already.
 */
export function judge(source, taken) {
  const records = parseCSV(source);
  if (records === null) return { problem: 'quote', lines: [] };
  if (records.length === 0) return { problem: 'empty', lines: [] };
  const [head, ...rest] = records;
  const columns = head.fields.map((name) => COLUMNS.get(name.toLowerCase().replace(/[\s_-]/g, '')) ?? null);
  if (!columns.includes('id')) return { problem: 'head', lines: [] };
  if (rest.length === 0) return { problem: 'empty', lines: [] };
  if (rest.length > MOST_LINES) return { problem: 'long', lines: [] };
  const seen = new Set();
  const lines = rest.map(({ line, fields }) => {
    const one = { line, id: '', role: '', displayName: '', password: '' };
    for (const [index, column] of columns.entries()) if (column !== null) one[column] = fields[index] ?? '';
    one.role = one.role.toLowerCase() || 'kiosk';
    const verdict = fields.length > columns.length ? 'too-many-fields' : verdictOf(one, taken, seen);
    seen.add(one.id);
    return { ...one, verdict };
  });
  return { problem: null, lines };
}

function verdictOf({ id, role, displayName, password }, taken, seen) {
  const fault = idFault(id);
  if (fault) return fault;
  if (seen.has(id)) return 'twice';
  if (taken.has(id)) return 'exists';
  if (!ROLES.includes(role)) return 'role-unknown';
  return displayNameFault(displayName) ?? (password === '' ? null : passwordFault(password)) ?? 'good';
}
