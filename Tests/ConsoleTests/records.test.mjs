// The pages of records without a page: what the server's lists say, and what is made of it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { RemoteList } from '../../Sources/ConsolePage/Page/net/remotelist.js';
import { Roster } from '../../Sources/ConsolePage/Page/net/roster.js';
import { heardDate, serverNow } from '../../Sources/ConsolePage/Page/net/serverclock.js';
import { fetchCrewCSV } from '../../Sources/ConsolePage/Page/net/crewcsv.js';
import { chosenAccounts, displayNameFault, firstSteps, idFault, newPassword, passwordFault, readAccount } from '../../Sources/ConsolePage/Page/state/records/accounts.js';
import { isWanted, readAuditLine, readSession, storyOf, toldDetails } from '../../Sources/ConsolePage/Page/state/records/audit.js';
import { judge, MOST_LINES, VERDICTS } from '../../Sources/ConsolePage/Page/state/records/bulk.js';
import { byArrival, isLate, onDuty, readLoggedEvent } from '../../Sources/ConsolePage/Page/state/records/crewlog.js';
import { parseCSV, writeCSV } from '../../Sources/ConsolePage/Page/state/records/csv.js';
import { NOTHING, reduceRemote } from '../../Sources/ConsolePage/Page/state/records/remote.js';
import { EMPTY, reduce } from '../../Sources/ConsolePage/Page/state/store.js';
import { en } from '../../Sources/ConsolePage/Page/words/en.js';
import { arrivalText, auditText, detailText, endText, firstPictureText, spanText } from '../../Sources/ConsolePage/Page/words/recordtexts.js';

const at = (minute) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const logged = (eventId, event, crewId, happened, arrived = happened, more = {}) => readLoggedEvent({
  event: `crew-${event}`, eventId, crewId, kioskId: 'K1', occurredAt: at(happened), receivedAt: at(arrived), ...more,
});

// Crew

test('an item of the crew log is read as an event of the wire is, and nothing else is one', () => {
  assert.deepEqual(logged('a', 'sign-on', '4711', 1, 2, { name: 'M', train: 7 }), {
    eventId: 'a', isSignOn: true, crewId: '4711', name: 'M', role: null, train: null, clock: null, kioskId: 'K1', occurredAt: Date.parse(at(1)), receivedAt: Date.parse(at(2)),
  });
  for (const odd of [null, 7, 'x', [], {}, { event: 'crew-sign-on' }, { event: 'crew-promoted', eventId: 'a' }, { event: '__proto__', eventId: 'a' }]) assert.equal(readLoggedEvent(odd), null);
});

test('arrivals are ordered by arrival, each once, and the late ones are known', () => {
  const [early, late] = [logged('a', 'sign-on', '1', 50), logged('b', 'sign-on', '2', 10, 55)];
  assert.deepEqual(byArrival([early], [late, early]).map(({ eventId }) => eventId), ['b', 'a']);
  assert.deepEqual([isLate(early), isLate(late)], [false, true]);
  assert.equal(isLate({ occurredAt: 0, receivedAt: 5e12 }), false);
});

test('who is on duty follows the time of events, not that of arrival', () => {
  const ids = (...events) => onDuty(events).map(({ crewId }) => crewId);
  assert.deepEqual(ids(logged('a', 'sign-on', '1', 10), logged('b', 'sign-on', '2', 20)), ['2', '1']);
  assert.deepEqual(ids(logged('a', 'sign-on', '1', 10), logged('b', 'sign-off', '1', 20)), []);
  // Signed off at another kiosk; and on again while an old sign-off was still on its way.
  assert.deepEqual(ids(logged('b', 'sign-off', '1', 20, 20, { kioskId: 'K2' }), logged('a', 'sign-on', '1', 10)), []);
  assert.deepEqual(ids(logged('c', 'sign-on', '1', 30), logged('b', 'sign-off', '1', 20, 40)), ['1']);
  // A moment that two events share: the one that came last counts.
  assert.deepEqual(ids(logged('a', 'sign-off', '1', 10, 11), logged('b', 'sign-on', '1', 10, 12)), ['1']);
  assert.deepEqual(ids(logged('a', 'sign-on', null, 10)), []);
  assert.deepEqual(ids(logged('a', 'sign-on', '__proto__', 10), logged('b', 'sign-on', 'constructor', 11)), ['constructor', '__proto__']);
  const [person] = onDuty([logged('a', 'sign-on', '1', 10, 15, { name: 'M', occurredAt: 'yesterday' })]);
  assert.equal(person.since, Date.parse(at(15)));
});

test('a late event says when it happened and when it arrived', () => {
  const late = { occurredAt: new Date(2026, 0, 1, 22, 10).getTime(), receivedAt: new Date(2026, 0, 1, 22, 41).getTime() };
  assert.match(arrivalText(late, late.receivedAt + 5_000), /^happened .*22:10, arrived now$/);
  assert.match(arrivalText(late, late.receivedAt + 90_000), /^happened .*22:10, arrived .*22:41$/);
  assert.match(arrivalText({ ...late, receivedAt: late.occurredAt + 900 }, late.receivedAt), /22:10$/);
  assert.equal(spanText(3 * 3_600_000 + 5 * 60_000 + 59_000), '3 h 5 min');
  assert.equal(spanText(-5), '0 h 0 min');
});

// Lists of the server

test('a list is asked for, answered, read on, refused', () => {
  let list = reduceRemote(NOTHING, { type: 'asked', isMore: false, isAnother: true });
  assert.equal(list.phase, 'loading');
  list = reduceRemote(list, { type: 'answered', items: [1, 2], next: 'c', isMore: false });
  assert.deepEqual(list, { phase: 'ready', items: [1, 2], next: 'c', error: null });
  list = reduceRemote(reduceRemote(list, { type: 'asked', isMore: true }), { type: 'answered', items: [3], next: null, isMore: true });
  assert.deepEqual(list.items, [1, 2, 3]);
  // What is here stays while it is read again; another list begins empty.
  assert.deepEqual(reduceRemote(list, { type: 'asked', isMore: false, isAnother: false }).items, [1, 2, 3]);
  assert.deepEqual(reduceRemote(list, { type: 'asked', isMore: false, isAnother: true }).items, []);
  const failed = reduceRemote(list, { type: 'refused', error: 'x' });
  assert.deepEqual([failed.phase, failed.items, failed.error], ['failed', [1, 2, 3], 'x']);
  assert.equal(reduceRemote(failed, { type: 'forgotten' }), NOTHING);
});

/** An API that gives these answers, one after the other, when it is let. */
function answering(...answers) {
  const asked = [];
  return { asked, async call(operation, what) { asked.push([operation, what]); return answers.shift(); },
    async *pages(operation, what) { for (const one of answers) { asked.push([operation, what]); yield one; } } };
}

test('of a list that is asked for twice the later answer counts', async () => {
  const waiting = [];
  const api = { call: () => new Promise((resolve) => { waiting.push(resolve); }) };
  const list = new RemoteList({ api, operation: 'listSessions', read: (item) => item, changed: () => {} });
  const first = list.load({ state: 'open' });
  const second = list.load({ state: 'ended' });
  waiting[1]({ ok: true, value: { items: ['new'], next: null } });
  waiting[0]({ ok: true, value: { items: ['old'], next: null } });
  await Promise.all([first, second]);
  assert.deepEqual(list.state.items, ['new']);
});

test('what is no item is left out, and what is no list is said', async () => {
  const api = answering({ ok: true, value: { items: [null, { event: 'crew-sign-on', eventId: 'a' }, 7], next: 9 } }, { ok: true, value: { items: {} } });
  const list = new RemoteList({ api, operation: 'listCrewEvents', read: readLoggedEvent, changed: () => {} });
  await list.load({ limit: 5 });
  assert.deepEqual([list.state.items.length, list.state.next], [1, null]);
  await list.load();
  assert.deepEqual(api.asked[1], ['listCrewEvents', { query: { limit: 5 } }]);
  assert.deepEqual([list.state.phase, list.state.error.code], ['failed', 'unreadable']);
});

test('the roster reads as far as it must, and says how far that was', async () => {
  const item = { event: 'crew-sign-on', eventId: 'a', crewId: '1', occurredAt: at(5), receivedAt: at(6) };
  const page = { ok: true, value: [item, null] };
  const few = new Roster({ api: answering(page), changed: () => {} });
  await few.load();
  assert.equal(few.phase, 'ready');
  assert.ok(Math.abs(serverNow() - few.since - 48 * 3_600_000) < 5_000);
  assert.equal(few.people([]).length, 1);
  const many = answering(...Array.from({ length: 20 }, () => page));
  const cut = new Roster({ api: many, changed: () => {} });
  await cut.load();
  assert.deepEqual([many.asked.length, cut.since], [10, Date.parse(at(6))]);
  const failed = new Roster({ api: answering({ ok: false, error: { code: 'unreachable' } }), changed: () => {} });
  await failed.load();
  assert.deepEqual([failed.phase, failed.error.code], ['failed', 'unreachable']);
});

test('the pieces of a CSV become one file with one head', async () => {
  const piece = (text, next) => ({ ok: true, value: { text, next } });
  const api = answering(piece('head\r\n1\r\n', '7'), piece('head\r\n2\r\n', null));
  assert.deepEqual(await fetchCrewCSV(api, { kioskId: 'K' }), { ok: true, value: { text: 'head\r\n1\r\n2\r\n', isWhole: true } });
  assert.deepEqual(api.asked.map(([, { query }]) => query.cursor), [undefined, '7']);
  assert.equal((await fetchCrewCSV(answering({ ok: false, error: { code: 'x' } }), {})).ok, false);
});

test('the server’s clock is heard to the second, and a steady one stays', () => {
  const now = Date.UTC(2026, 0, 1);
  heardDate(new Date(now + 20 * 60_000).toUTCString(), now);
  assert.ok(Math.abs(serverNow(now) - now - 20 * 60_000) <= 1_000);
  const before = serverNow(now);
  heardDate(new Date(now + 20 * 60_000 + 900).toUTCString(), now + 900);
  assert.equal(serverNow(now), before);
  for (const odd of [null, '', 'soon']) heardDate(odd, now);
  assert.equal(serverNow(now), before);
  heardDate(new Date(now).toUTCString(), now);
});

// Audit

const line = (sequence, kind, more = {}) => readAuditLine({ sequence, at: at(sequence), kind, actor: 'M1', subject: 'K1', details: { sessionId: 's' }, ...more });

test('a session has a story', () => {
  const session = readSession({ sessionId: 's', kioskId: 'K1', monitorId: 'M1', startedAt: at(1), mediaStartedAt: at(2), firstFrameMs: 180, endedAt: at(9), reason: 'ended-by-admin' });
  const lines = [line(9, 'monitoring-stopped', { actor: 'A1', details: { sessionId: 's', reason: 'ended-by-admin' } }), line(5, 'login', { details: {} }), line(2, 'media-started'), line(1, 'monitoring-started', { details: { sessionId: 's', purpose: 'lamp out' } })];
  const { steps, purpose, endedBy } = storyOf(session, lines);
  assert.deepEqual([steps.map(({ sequence }) => sequence), purpose, endedBy], [[1, 2, 9], 'lamp out', 'A1']);
  assert.deepEqual(storyOf({ ...session, endedAt: 0 }, []), { steps: [], purpose: null, endedBy: null });
  assert.equal(endText(session), 'An administrator ended the session. Ask your administrator.');
  assert.equal(endText({ ...session, reason: 'of-a-newer-server' }), 'Reason: of-a-newer-server.');
  assert.equal(endText({ ...session, endedAt: 0 }), 'Goes on');
  assert.equal(firstPictureText(session), 'after 180 ms');
  assert.equal(firstPictureText({ firstFrameMs: null, mediaStartedAt: 0 }), 'None reported');
});

test('sessions and lines that are none are none', () => {
  for (const odd of [null, 1, [], {}, { sessionId: 's', kioskId: 'K', monitorId: 7 }]) assert.equal(readSession(odd), null);
  for (const odd of [null, 1, [], {}, { sequence: '1', kind: 'login' }, { sequence: 1, kind: '' }, { sequence: 1.5, kind: 'x' }]) assert.equal(readAuditLine(odd), null);
  assert.deepEqual(readAuditLine({ sequence: 1, kind: 'x', at: 7, actor: {}, details: 'none' }), { sequence: 1, kind: 'x', at: 0, actor: '', subject: '', details: {} });
});

test('lines are looked for by what they are about and whom they name', () => {
  const login = line(1, 'login-refused', { actor: 'MONITOR_02', subject: '', details: { address: '10.0.0.7', code: 'invalid-credentials', count: 3, inner: { x: 1 } } });
  assert.equal(isWanted(login, {}), true);
  assert.equal(isWanted(login, { group: 'sign-in', who: 'monitor' }), true);
  assert.equal(isWanted(login, { who: '10.0.0' }), true);
  assert.equal(isWanted(login, { group: 'watching' }), false);
  assert.equal(isWanted(login, { group: '__proto__' }), false);
  assert.equal(isWanted(login, { who: 'KIOSK' }), false);
  assert.deepEqual(toldDetails(login).map(([name]) => name), ['code', 'address', 'count']);
  assert.deepEqual(toldDetails(line(1, 'x', { details: { reason: {}, seconds: Number.NaN, constructor: 'x', purpose: '' } })), []);
});

test('every line is a sentence, of a newer server too', () => {
  const name = (id) => ({ M1: 'Asha', K1: 'Lobby' })[id] ?? id;
  assert.equal(auditText(line(1, 'monitoring-started'), name), 'Asha began to watch Lobby');
  assert.equal(auditText(line(1, 'account-added', { actor: 'cli' }), name), 'Somebody at the server’s command line added Lobby');
  assert.equal(auditText(line(1, 'login-refused', { actor: '' }), name), 'Sign-in refused: –');
  assert.equal(auditText(line(1, '__proto__', { actor: 'x' }), name), '__proto__ · x · Lobby');
  for (const detail of [['reason', 'constructor'], ['code', '__proto__'], ['role', 'valueOf'], ['seconds', 61], ['other', 'x']]) assert.equal(typeof detailText(detail), 'string');
  assert.equal(detailText(['seconds', 61]), 'lasted 1:01');
});

// Accounts

const account = (id, role, more = {}) => readAccount({ id, role, displayName: '', ...more });

test('accounts are read, chosen and ordered', () => {
  const all = [account('K2', 'kiosk', { displayName: 'Depot' }), account('K10', 'kiosk'), account('M1', 'monitor'), account('A1', 'admin'), account('X', 'of-a-newer-server')];
  const ids = (what) => chosenAccounts(all, { compare: (a, b) => (a < b ? -1 : 1), ...what }).map(({ id }) => id);
  assert.deepEqual(ids({ areKiosks: true }), ['K2', 'K10']);
  assert.deepEqual(ids({ areKiosks: false }), ['A1', 'M1', 'X']);
  assert.deepEqual(ids({ areKiosks: true, find: ' dep k2' }), ['K2']);
  assert.deepEqual(account('K', 'kiosk', { disabled: 'yes', lastSeen: 7, version: {} }), { id: 'K', role: 'kiosk', displayName: '', isDisabled: false, createdAt: 0, lastSeen: 0, version: null, hostname: null });
  for (const odd of [null, [], {}, { id: 'x' }, { id: [], role: 'kiosk' }]) assert.equal(readAccount(odd), null);
});

test('what is to be done first is told until it is done', () => {
  const done = (accounts, seen = []) => firstSteps(accounts, new Map(seen)).map(({ isDone }) => isDone);
  assert.deepEqual(done([account('A', 'admin')]), [false, false, false]);
  assert.deepEqual(done([account('M', 'monitor'), account('K', 'kiosk')]), [true, true, false]);
  assert.deepEqual(done([account('M', 'monitor'), account('K', 'kiosk', { lastSeen: at(1) })]), []);
  assert.deepEqual(done([account('M', 'monitor'), account('K', 'kiosk')], [['K', { online: true, lastSeen: 0 }]]), []);
});

test('the server’s rules are kept before anything is sent', () => {
  assert.deepEqual(['', 'a b', 'क', 'K'.repeat(65), 'a.b@c-d_9'].map(idFault), ['id-missing', 'id-rule', 'id-rule', 'id-rule', null]);
  assert.deepEqual(['', 'क'.repeat(64), 'x'.repeat(65), 'a\u202eb', 'a\nb'].map(displayNameFault), [null, null, 'name-rule', 'name-rule', 'name-rule']);
  assert.deepEqual(['short', '😀'.repeat(10), 'x'.repeat(257), `${'x'.repeat(10)}\0`].map(passwordFault), ['password-rule', null, 'password-rule', 'password-rule']);
  assert.equal(newPassword((count) => Array.from({ length: count }, (_, index) => index * 13)).length, 23);
  const made = new Set(Array.from({ length: 200 }, () => newPassword()));
  assert.equal(made.size, 200);
  for (const one of made) assert.match(one, /^[a-kmnp-z2-9]{5}(-[a-kmnp-z2-9]{5}){3}$/);
});

// Files

test('a file of values is read as spreadsheets write it', () => {
  const fields = (text) => parseCSV(text)?.map((record) => record.fields) ?? null;
  assert.deepEqual(fields('\ufeffa,b\r\n1, 2 \r\n\r\n"x,""y""\n z",3'), [['a', 'b'], ['1', '2'], ['x,"y"\n z', '3']]);
  assert.deepEqual(fields('a;b\n1;2,5'), [['a', 'b'], ['1', '2,5']]);
  assert.deepEqual(fields('a\tb\n1\t2'), [['a', 'b'], ['1', '2']]);
  assert.deepEqual(parseCSV('a,b\n"x\ny",1\nz,2').map(({ line: number }) => number), [1, 2, 4]);
  assert.equal(fields('a,"b\n'), null);
  assert.deepEqual(fields(''), []);
});

test('a file that is written is read, and starts no formula', () => {
  const records = [['a', 'b'], ['x,"y"', 'line\nbreak'], [7, null]];
  assert.deepEqual(parseCSV(writeCSV(records)).map(({ fields }) => fields), [['a', 'b'], ['x,"y"', 'line\nbreak'], ['7', '']]);
  assert.equal(writeCSV([['=1+1', '@x', '-2', '+3', 'a;=b', 'a-b']]), "'=1+1,'@x,'-2,'+3,\"a;'=b\",a-b\r\n");
});

test('each line of a file is judged', () => {
  const { problem, lines } = judge('Kiosk ID,Role,Name,Password\nK1,,,\nK2,Monitor,"A, B",\nK2,kiosk,,\n,kiosk,,\na b,kiosk,,\nK3,pilot,,\nK4,kiosk,"a\u202eb",\nK5,kiosk,,short\nK6,kiosk,,,,\n__proto__,kiosk,,\n', new Set(['K1']));
  assert.equal(problem, null);
  assert.deepEqual(lines.map(({ verdict }) => verdict), ['exists', 'good', 'twice', 'id-missing', 'id-rule', 'role-unknown', 'name-rule', 'password-rule', 'too-many-fields', 'good']);
  assert.deepEqual(lines[1], { line: 3, id: 'K2', role: 'monitor', displayName: 'A, B', password: '', verdict: 'good' });
  assert.deepEqual(['', 'id\n', 'name\nx', 'id\n"', `id\n${'K\n'.repeat(MOST_LINES + 1)}`].map((text) => judge(text, new Set()).problem), ['empty', 'empty', 'head', 'quote', 'long']);
  assert.deepEqual(Object.keys(en.judged).sort(), [...VERDICTS].sort());
});

// Health

test('a kiosk’s changes are kept as this page heard them', () => {
  const told = (state, name, payload, when) => reduce(state, { type: 'server', name, payload, at: when });
  const kiosk = (status, online = true) => ({ kioskId: 'K', displayName: 'Kiosk', online, status });
  let state = told(EMPTY, 'kiosk-list', { kiosks: [kiosk({ camera: 'idle' })] }, 10);
  assert.deepEqual([state.health.since, state.health.byId.get('K').length], [10, 1]);
  const same = told(state, 'kiosk-status', kiosk({ camera: 'live', temperature: 40 }), 20);
  assert.equal(same.health, state.health, 'what is well and stays well is no change');
  state = told(state, 'kiosk-status', kiosk({ camera: 'covered', outbox: 1 }), 30);
  assert.equal(told(state, 'kiosk-status', kiosk({ camera: 'covered', outbox: 2 }), 35).health, state.health, 'a figure that grows is no change');
  state = told(state, 'kiosk-offline', kiosk({ camera: 'covered' }, false), 40);
  state = told(state, 'kiosk-list', { kiosks: [kiosk({ camera: 'covered' }, false)] }, 50);
  assert.deepEqual(state.health.byId.get('K').map((one) => [one.at, one.isOnline, one.faults.length]), [[40, false, 0], [30, true, 2], [10, true, 0]]);
  for (let turn = 0; turn < 200; turn += 1) state = told(state, 'kiosk-status', kiosk({ camera: turn % 2 ? 'covered' : 'idle' }), 100 + turn);
  assert.equal(state.health.byId.get('K').length, 50);
  for (const odd of [null, 7, {}, { kioskId: {} }]) assert.equal(told(state, 'kiosk-status', odd, 400).health, state.health);
  assert.deepEqual(reduce(state, { type: 'signed-out' }), EMPTY);
});
