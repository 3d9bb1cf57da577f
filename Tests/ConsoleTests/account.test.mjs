// Who is signed in, and what becomes of that when the server's answers are lost.

import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

const kept = new Map();
globalThis.sessionStorage = /** @type {any} */ ({
  getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => { kept.set(key, value); }, removeItem: (key) => { kept.delete(key); },
});
globalThis.addEventListener = /** @type {any} */ (() => {});
const { Account } = await import('../../Sources/ConsolePage/Page/net/account.js');

const fetched = globalThis.fetch;
afterEach(() => { globalThis.fetch = fetched; });
beforeEach(() => kept.clear());

const user = { id: 'MONITOR_01', role: 'monitor' };

/**
 * A server with rotating refresh tokens: one that was traded is good once more while nobody has used what it was traded for.
 * - lose: how many answers to refreshes are lost on their way. - life: of an access token, in seconds.
 */
function serving({ lose = 0, life = 20, refuse = null } = {}) {
  const asked = [];
  let count = 0;
  let good = [];
  globalThis.fetch = async (address, { body, headers }) => {
    const [, , , what] = String(address).split('/');
    const { refreshToken } = body ? JSON.parse(body) : {};
    asked.push(what === 'logout' ? `logout ${headers.Authorization}` : refreshToken ? `refresh ${refreshToken}` : what);
    if (what === 'logout') return new Response(null, { status: 204 });
    const refused = what === 'refresh' ? refuse ?? (good.includes(refreshToken) ? null : [401, 'token-invalid']) : null;
    if (refused) return new Response(JSON.stringify({ error: { code: refused[1], message: 'no' } }), { status: refused[0] });
    count += 1;
    good = what === 'refresh' ? [refreshToken, `r${count}`] : [`r${count}`];
    if (what === 'refresh' && lose-- > 0) throw new TypeError('the connection was reset');
    const expiresAt = new Date(Date.now() + life * 1000).toISOString();
    return new Response(JSON.stringify({ token: `t${count}`, expiresAt, refreshToken: `r${count}`, user }), { status: 200 });
  };
  return asked;
}

async function signedIn(server) {
  const asked = serving(server);
  const account = new Account();
  await account.signIn('MONITOR_01', 'a password');
  asked.length = 0;
  return { account, asked };
}

test('a token that lasts is used again, one that ends soon is renewed', async () => {
  const lasting = await signedIn({ life: 900 });
  assert.equal(await lasting.account.token(), 't1');
  assert.deepEqual(lasting.asked, []);
  assert.equal(await lasting.account.token({ refused: 'token-expired' }), 't2');
  const ending = await signedIn({ life: 20 });
  assert.equal(await ending.account.token(), 't2');
  assert.deepEqual(ending.asked, ['refresh r1']);
});

test('one lost answer to a refresh costs nothing', async () => {
  const { account, asked } = await signedIn({ lose: 1 });
  await assert.rejects(account.token(), { code: 'unreachable', final: false });
  assert.equal(account.user.id, 'MONITOR_01');
  assert.equal(account.refusal, null);
  assert.ok(account.canResume);
  // The server has traded the token; with the one at hand it is asked again.
  assert.equal(await account.token(), 't3');
  assert.deepEqual(asked, ['refresh r1', 'refresh r1']);
  assert.equal(await account.token({ refused: 'token-expired' }), 't4');
  assert.deepEqual(asked.slice(2), ['refresh r3']);
});

test('an answer that is none of the server’s costs nothing either', async () => {
  const { account } = await signedIn({});
  for (const answer of [new Response('<html>', { status: 502 }), new Response('<html>', { status: 200 }), new Response('{}', { status: 503 })]) {
    const server = globalThis.fetch;
    globalThis.fetch = async () => answer;
    await assert.rejects(account.token(), { final: false });
    globalThis.fetch = server;
    assert.ok(account.canResume && account.user && !account.refusal);
  }
  assert.equal(await account.token(), 't2');
});

test('a refresh that is refused for good signs out and says why', async () => {
  const { account, asked } = await signedIn({ refuse: [401, 'account-disabled'] });
  await assert.rejects(account.token(), { code: 'account-disabled', final: true });
  assert.equal(account.user, null);
  assert.equal(account.canResume, false);
  assert.equal(account.refusal.code, 'account-disabled');
  await assert.rejects(account.token(), { code: 'token-missing' });
  assert.deepEqual(asked, ['refresh r1']);
});

test('who asks at the same time shares one refresh', async () => {
  const { account, asked } = await signedIn({});
  assert.deepEqual(await Promise.all([account.token(), account.token(), account.token()]), ['t2', 't2', 't2']);
  assert.deepEqual(asked, ['refresh r1']);
});

test('what comes after signing out is voided', async () => {
  const { account, asked } = await signedIn({});
  const late = account.token();
  account.signOut();
  await assert.rejects(late, { code: 'token-missing' });
  assert.equal(account.user, null);
  assert.equal(account.canResume, false);
  await new Promise((resolve) => { setTimeout(resolve, 10); });
  assert.deepEqual(asked, ['refresh r1', 'logout Bearer t2']);
});
