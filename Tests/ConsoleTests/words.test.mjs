// Every code of the contract has words, and no text from the network finds what is not meant for it.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { faultText, phaseText, reasonText, refusalText, roleText, signInText, statusTroubles } from '../../Sources/ConsolePage/Page/words/en.js';

const contract = readFileSync(new URL('../../docs/signaling.md', import.meta.url), 'utf8');
const codes = (text) => [...text.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, code]) => code);

test('every reason of an end has words', () => {
  const reasons = codes(/hear `monitoring-stopped` with its reason:([^.]*)\./s.exec(contract)[1]);
  assert.ok(reasons.length >= 8, reasons.join());
  for (const reason of reasons) assert.doesNotMatch(reasonText(reason), /^Reason: /, reason);
});

test('every fault of a session has words and says what to do', () => {
  const row = contract.split('\n').find((line) => line.includes('`session-error`'));
  const faults = codes(/while the rest of the session goes on \(([^)]*)\)/.exec(row)[1]);
  assert.ok(faults.length >= 9, faults.join());
  for (const fault of faults) assert.notEqual(faultText(fault, '').remedy, '', fault);
});

test('names of what every object has are codes like any other', () => {
  for (const code of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']) {
    assert.equal(reasonText(code), `Reason: ${code}.`);
    assert.deepEqual(faultText(code, 'odd'), { title: 'odd', remedy: '', detail: 'odd' });
    assert.equal(refusalText({ code, message: 'odd' }), 'Refused: odd.');
    assert.equal(signInText({ code, message: 'odd' }), 'Signing in failed: odd.');
    assert.equal(roleText(code), code);
    assert.equal(typeof statusTroubles({ camera: code, microphone: { state: code } })[0], 'string');
  }
});

const session = (more) => ({ phase: 'live', timings: { connected: 0, firstFrame: 1 }, faults: new Map(), stalledSince: null, ...more });
const said = (one, status, now = 1000) => phaseText(one, { serverConnected: true, status, now });

test('only a moving picture of a working camera is live', () => {
  assert.deepEqual(said(session()), { text: 'Live', tone: 'good' });
  assert.deepEqual(said(session(), { camera: 'live' }), { text: 'Live', tone: 'good' });
  assert.equal(said(session({ stalledSince: 300 })).text, 'No new picture for 1 s');
  for (const state of ['covered', 'black', 'frozen', 'slow', 'stalled']) assert.equal(said(session(), { camera: state }).tone, 'warn', state);
  assert.equal(phaseText(session(), { serverConnected: false, now: 0 }).tone, 'warn');
});

test('a picture that stands still says why, where that is known', () => {
  const stalled = (figures, status) => said(session({ stalledSince: -2_000, figures }), status).text;
  assert.equal(stalled(null), 'No new picture for 3 s');
  assert.equal(stalled({ bitrate: 0, lossRate: null }), 'No new picture for 3 s: no packets from the kiosk');
  assert.equal(stalled({ bitrate: 9, lossRate: 0.12 }), 'No new picture for 3 s: the network has lost 12 % of the packets');
  assert.equal(stalled({ bitrate: 9, lossRate: 0 }, { camera: 'frozen' }), 'No new picture for 3 s: camera repeats one picture');
});

test('a camera that gives nothing is called so after a while', () => {
  const one = session({ timings: { connected: 0 } });
  assert.equal(said(one).tone, 'busy');
  assert.match(said(one, undefined, 9_000).text, /gives no picture/);
});
