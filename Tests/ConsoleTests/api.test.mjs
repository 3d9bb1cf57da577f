// The API client asks for what the server's own document describes, and gives every answer as a value.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';

import { addressOf, API, APIError, OPERATIONS, request } from '../../Sources/ConsolePage/Page/net/api.js';

const document = JSON.parse(readFileSync(new URL('../../Sources/SignalingServer/API/openapi.json', import.meta.url), 'utf8'));

/** The document's operations in the client's words. */
const described = {};
for (const [path, item] of Object.entries(document.paths)) {
  for (const [method, operation] of Object.entries(item)) {
    if (!operation.operationId) continue;
    const parameters = [...(item.parameters ?? []), ...(operation.parameters ?? [])];
    described[operation.operationId] = {
      method: method.toUpperCase(), path,
      query: parameters.filter((one) => one.in === 'query').map(({ name }) => name),
      isOpen: (operation.security ?? document.security ?? []).length === 0,
    };
  }
}

test('the table is the document', () => {
  // The document itself is for other programs.
  const { openapi, ...rest } = described;
  assert.ok(openapi && Object.keys(rest).length >= 16);
  assert.deepEqual(OPERATIONS, rest);
});

test('addresses are made of what the operation knows', () => {
  assert.equal(addressOf('showAccount', { path: { accountId: 'a/../b?c' } }), '/api/accounts/a%2F..%2Fb%3Fc');
  assert.equal(addressOf('listAudit', { query: { limit: 5, cursor: 'x&y=1' } }), '/api/audit?limit=5&cursor=x%26y%3D1');
  assert.equal(addressOf('listSessions', { query: { kioskId: null, state: undefined } }), '/api/sessions');
  assert.throws(() => addressOf('showAccount'), /accountId missing/);
  assert.throws(() => addressOf('showAccount', { path: Object.create({ accountId: 'x' }) }), /accountId missing/);
  assert.throws(() => addressOf('listAudit', { query: { since: 'x' } }), /no parameter since/);
});

const fetched = globalThis.fetch;
afterEach(() => { globalThis.fetch = fetched; });

/** A server that answers with these, one after the other: `[status, body, headers]`, or an error to throw. */
function answering(...answers) {
  const asked = [];
  globalThis.fetch = async (address, { method, headers, body, keepalive }) => {
    asked.push({ address, method, headers, body, keepalive });
    const answer = answers.shift();
    if (answer instanceof Error) throw answer;
    const [status, text = null, more = {}] = answer;
    return new Response(text === null || typeof text === 'string' ? text : JSON.stringify(text), { status, headers: more });
  };
  return asked;
}

test('every answer is a value', async () => {
  const asked = answering([200, { a: 1 }], [204], [201, { b: 2 }]);
  assert.deepEqual(await request('login', { body: { username: 'x' } }), { ok: true, value: { a: 1 } });
  assert.deepEqual(asked[0], { address: '/api/auth/login', method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"username":"x"}', keepalive: false });
  assert.deepEqual(await request('endSession', { path: { sessionId: 's' }, token: 't', keepalive: true }), { ok: true, value: null });
  assert.deepEqual(asked[1], { address: '/api/sessions/s', method: 'DELETE', headers: { Authorization: 'Bearer t' }, body: undefined, keepalive: true });
  assert.deepEqual(await request('addAccount', { body: {} }), { ok: true, value: { b: 2 } });
});

test('a text is a value too, with where it goes on', async () => {
  answering([200, 'a,b\r\n', { 'X-Next-Cursor': '7' }], [200, 'a\r\n'], [403, { error: { code: 'forbidden', message: 'x' } }]);
  assert.deepEqual(await request('listCrewEvents', { isText: true }), { ok: true, value: { text: 'a,b\r\n', next: '7' } });
  assert.deepEqual(await request('listCrewEvents', { isText: true }), { ok: true, value: { text: 'a\r\n', next: null } });
  assert.equal((await request('listCrewEvents', { isText: true })).error.code, 'forbidden');
});

test('every error has a code, whatever came', async () => {
  const cases = [
    [[429, { error: { code: 'throttled', message: 'wait' } }, { 'Retry-After': '7' }], [429, 'throttled', 7, false]],
    [[401, { error: { code: 'token-expired', message: 'x' } }], [401, 'token-expired', null, true]],
    [[502, '<html>bad gateway</html>'], [502, 'failed', null, false]],
    [[500, 'null'], [500, 'failed', null, false]],
    [[400, { error: { code: { evil: 1 }, message: [] } }], [400, '[object Object]', null, true]],
    [[200, '<html>log in to this network</html>'], [200, 'unreadable', null, false]],
    [[200, '7'], [200, 'unreadable', null, false]],
    [new TypeError('failed to fetch'), [0, 'unreachable', null, false]],
  ];
  for (const [answer, expected] of cases) {
    answering(answer);
    const { ok, error } = await request('me', { token: 't' });
    assert.equal(ok, false);
    assert.deepEqual([error.status, error.code, error.retryAfter, error.final], expected, JSON.stringify(answer));
  }
});

/** An account whose tokens are numbered. */
const holder = (refuse = null) => ({
  asked: [], count: 1,
  async token({ refused }) {
    this.asked.push(refused);
    if (refused && refuse) throw refuse;
    if (refused) this.count += 1;
    return `t${this.count}`;
  },
});

test('a stale token is replaced once', async () => {
  const stale = [401, { error: { code: 'token-expired', message: 'x' } }];
  let account = holder();
  let asked = answering(stale, [200, { fine: true }]);
  assert.deepEqual(await new API(account).call('me'), { ok: true, value: { fine: true } });
  assert.deepEqual(asked.map(({ headers }) => headers.Authorization), ['Bearer t1', 'Bearer t2']);
  assert.deepEqual(account.asked, [null, 'token-expired']);
  account = holder();
  asked = answering(stale, stale);
  assert.equal((await new API(account).call('me')).error.code, 'token-expired');
  assert.equal(asked.length, 2);
  asked = answering([401, { error: { code: 'account-disabled', message: 'x' } }]);
  assert.equal((await new API(holder()).call('me')).error.code, 'account-disabled');
  assert.equal(asked.length, 1);
  answering(stale);
  const { error } = await new API(holder(new APIError(401, 'token-invalid', 'gone'))).call('me');
  assert.deepEqual([error.code, error.final], ['token-invalid', true]);
});

test('a list is read page by page, and not beyond what is wanted', async () => {
  const page = (items, next) => [200, { items, next }];
  let asked = answering(page([1, 2], 'c&2'), page([3], null));
  const pages = [];
  for await (const one of new API(holder()).pages('listAudit', { query: { limit: 2 } })) pages.push(one.value);
  assert.deepEqual(pages, [[1, 2], [3]]);
  assert.deepEqual(asked.map(({ address }) => address), ['/api/audit?limit=2', '/api/audit?limit=2&cursor=c%262']);
  asked = answering(page([1], 'more'), page([2], null));
  for await (const _ of new API(holder()).pages('listAudit')) break;
  assert.equal(asked.length, 1);
  answering(page([1], 'more'), [500, { error: { code: 'internal-error', message: 'x' } }]);
  const results = [];
  for await (const one of new API(holder()).pages('listAudit')) results.push(one.ok ? one.value : one.error.code);
  assert.deepEqual(results, [[1], 'internal-error']);
  answering([200, { items: {} }]);
  for await (const one of new API(holder()).pages('listAudit')) assert.equal(one.error.code, 'unreadable');
});
