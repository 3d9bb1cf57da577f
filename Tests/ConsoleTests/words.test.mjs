// Everything that the contract can say has words in every language, and no text from the network finds what is not meant for it.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';

import { en } from '../../Sources/ConsolePage/Page/words/en.js';
import { hi } from '../../Sources/ConsolePage/Page/words/hi.js';
import { LANGUAGES, language, preferred, say, speak } from '../../Sources/ConsolePage/Page/words/language.js';
import {
  ago, bitrateText, faultText, later, microphoneText, phaseText, reasonText, refusalText, roleText, shareText, signInText, stallText, statusTroubles, timeOfDay,
} from '../../Sources/ConsolePage/Page/words/texts.js';

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const contract = read('docs/signaling.md');
const codes = (text) => [...text.matchAll(/`([a-z]+(?:-[a-z]+)*)`/g)].map(([, code]) => code);
const section = (title) => contract.split(`\n## ${title}\n`)[1].split('\n## ')[0];
/** The cells of a table's rows. */
const rows = (text) => text.split('\n').filter((line) => line.startsWith('| `')).map((line) => line.split('|').slice(1, -1).map((cell) => cell.trim()));

/** What the contract can say, by the catalogue's sections. */
const said = {
  endings: codes(/hear `monitoring-stopped` with its reason:([^.]*)\./s.exec(contract)[1]),
  faults: codes(/while the rest of the session goes on \(([^)]*)\)/.exec(contract.split('\n').find((line) => line.includes('| `session-error` |')))[1]),
  codes: rows(section('Codes')).map(([code]) => codes(code)[0]),
};
for (const [fields, values] of rows(section('What the kiosk says of itself in a heartbeat'))) {
  for (const field of codes(fields)) {
    if (codes(values).length > 0) (said[field] ??= []).push(...codes(values));
    else if (values === 'a number') (said.measured ??= []).push(field);
  }
}

/** Every message of a catalogue: its key, its text or texts by number, and whether it is one of a pair. */
function* messages(catalogue) {
  for (const [name, words] of Object.entries(catalogue)) {
    for (const [key, value] of Object.entries(words)) {
      if (Array.isArray(value)) {
        yield [`${name}.${key}/means`, value[0]];
        yield [`${name}.${key}/todo`, value[1]];
      } else {
        yield [`${name}.${key}`, value];
      }
    }
  }
}
const texts = (message) => (typeof message === 'string' ? [message] : Object.values(message));
const placeholders = (text) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort().join();

afterEach(() => speak('en'));

test('the contract is found where it is looked for', () => {
  assert.ok(said.endings.length >= 9 && said.faults.length >= 10 && said.codes.length >= 19, JSON.stringify(said));
  for (const field of ['camera', 'microphone', 'network', 'memory', 'storage', 'clock']) assert.ok(said[field].length >= 2, field);
  assert.deepEqual(said.measured.sort(), ['outbox', 'temperature']);
});

test('the contract and the catalogues say the same', () => {
  for (const [code, { catalogue }] of LANGUAGES) {
    for (const [name, known] of Object.entries(said)) assert.deepEqual(Object.keys(catalogue[name]).sort(), [...known].sort(), `${code} ${name}`);
    const own = Object.keys(catalogue.own).filter((key) => said.endings.includes(key) || said.codes.includes(key));
    assert.deepEqual(own, [], 'the page takes a word of the contract for its own');
  }
});

test('every kind of line that the server writes into its audit is a sentence', () => {
  const folder = 'Sources';
  const path = readdirSync(new URL(`../../${folder}`, import.meta.url), { recursive: true }).map(String).find((name) => name.endsWith('/AuditEntry.swift'));
  const [, cases] = /enum Kind[^{]*\{(.*?)\n {4}\}/s.exec(read(`${folder}/${path}`));
  const kinds = [...cases.matchAll(/(\w+) = "([a-z-]+)"|(?:case|,) (\w+)(?=,|\n|$)/g)].map(([, , named, plain]) => named ?? plain);
  assert.ok(kinds.includes('login') && kinds.includes('logout') && kinds.includes('audit-pruned') && kinds.length >= 17, kinds.join());
  for (const [code, { catalogue }] of LANGUAGES) for (const kind of kinds) assert.ok(Object.hasOwn(catalogue.audited, kind), `${code} ${kind}`);
});

test('what is wrong comes with what to do', () => {
  const fine = new Set(['none', 'idle', 'live', 'ok', 'ample']);
  for (const [code, { catalogue }] of LANGUAGES) {
    for (const [name, known] of Object.entries(said)) {
      for (const key of known) {
        const [text, todo] = catalogue[name][key];
        assert.ok(texts(text).every((one) => one !== ''), `${code} ${name}.${key}`);
        assert.equal(todo === '', fine.has(key), `${code} ${name}.${key}`);
      }
    }
  }
});

test('all languages have the same keys with the same placeholders', () => {
  const english = new Map(messages(en));
  for (const [code, { catalogue }] of LANGUAGES) {
    const other = new Map(messages(catalogue));
    assert.deepEqual([...other.keys()], [...english.keys()], code);
    const categories = new Intl.PluralRules(code).resolvedOptions().pluralCategories.sort();
    for (const [key, message] of other) {
      assert.equal(typeof message, typeof english.get(key), `${code} ${key}`);
      if (typeof message !== 'string') assert.deepEqual(Object.keys(message).sort(), categories, `${code} ${key}`);
      for (const text of texts(message)) assert.equal(placeholders(text), placeholders(texts(english.get(key))[0]), `${code} ${key}`);
    }
  }
});

test('Hindi is Hindi', () => {
  for (const [key, message] of messages(hi)) {
    if (key.startsWith('units.') || key === 'measured.temperature/means') continue;
    for (const text of texts(message)) assert.ok(text === '' || /[\u0900-\u097f]/.test(text), `${key}: ${text}`);
  }
});

test('every key that the page uses is there, and none is there for nothing', () => {
  const page = 'Sources/ConsolePage/Page';
  const files = readdirSync(new URL(`../../${page}`, import.meta.url), { recursive: true }).map(String).filter((name) => /\.(js|html)$/.test(name) && !name.startsWith('words/en') && !name.startsWith('words/hi'));
  const source = files.map((name) => read(`${page}/${name}`)).join('\n');
  const used = new Set([...source.matchAll(/(?:'|")([a-z]+\.[a-zA-Z]+)(?:'|")/g)].map(([, key]) => key));
  const keys = [...messages(en)].map(([key]) => key.split('/')[0]);
  for (const key of used) if (Object.hasOwn(en, key.split('.')[0])) assert.ok(keys.includes(key), `${key} has no words`);
  // Looked up by what came over the wire, or by a name that the state has.
  const computed = new Set([...Object.keys(said), 'own', 'roles', 'audited', 'judged']);
  const byState = new Set(['crew.corrected', 'crew.doubtful', 'tile.direct', 'tile.relayed', 'units.perSecond', 'units.milliseconds']);
  for (const key of keys) if (!computed.has(key.split('.')[0])) assert.ok(used.has(key) || byState.has(key), `nobody says ${key}`);
});

test('names of what every object has are codes like any other', () => {
  for (const code of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']) {
    assert.equal(reasonText(code), `Reason: ${code}.`);
    assert.deepEqual(faultText(code, 'odd'), { title: 'odd', remedy: '', detail: 'odd' });
    assert.equal(refusalText({ code, message: 'odd' }), 'Refused: odd.');
    assert.equal(signInText({ code, message: 'odd' }), 'Signing in failed: odd.');
    assert.equal(roleText(code), code);
    assert.deepEqual(statusTroubles({ camera: code, microphone: { state: code } }), [{ text: `camera ${code}`, todo: '' }]);
    assert.equal(speak(code), false);
  }
  assert.equal(language(), 'en');
});

test('a language is the first of those wanted that there is', () => {
  assert.equal(preferred(['hi-IN', 'en']), 'hi');
  assert.equal(preferred(['de-DE', 'HI', 'en']), 'hi');
  assert.equal(preferred(['fr']), 'en');
  assert.equal(preferred([]), 'en');
});

test('numbers, times and plurals follow the language', () => {
  const now = Date.UTC(2026, 0, 15, 12);
  const spoken = () => [ago(now - 60_000, now), ago(now - 3 * 86_400_000, now), later(now, now + 7_200_000), shareText(0.123), shareText(0.004), shareText(0), bitrateText(1_234_567), say('crew.count', { count: 1234567 })];
  assert.deepEqual(spoken(), ['1 min ago', '3 days ago', '2 h later', '12%', '0.4%', '0%', '1.2 Mbit/s', '1,234,567 since sign-in']);
  assert.equal(statusTroubles({ outbox: 1 })[0].text, '1 crew event waiting');
  assert.equal(statusTroubles({ outbox: 2 })[0].text, '2 crew events waiting');
  assert.match(timeOfDay(now), /^\d+ Jan, \d\d:\d\d$|^Jan \d+, \d\d:\d\d$/);
  assert.equal(timeOfDay('<b>'), '<b>');
  speak('hi');
  assert.deepEqual(spoken(), ['1 मिनट पहले', '3 दिन पहले', '2 घंटे बाद', '12%', '0.4%', '0%', '1.2 Mbit/s', 'साइन इन के बाद 12,34,567']);
  assert.equal(statusTroubles({ outbox: 1 })[0].text, 'क्रू की 1 प्रविष्टि बाक़ी');
  assert.match(timeOfDay(now), /जन/);
  assert.equal(refusalText({ code: 'kiosk-busy', detail: { since: 'x' } }), 'दूसरा मॉनिटर यह कियोस्क देख रहा है। वह x से देखा जा रहा है। एक समय में एक ही देख सकता है: रुकें, या अपने साथी से बात करें।');
});

test('placeholders take text as it is', () => {
  assert.equal(say('list.busy', { who: '{who} $& <b>' }), 'Watched by {who} $& <b>');
});

const session = (more) => ({ phase: 'live', timings: { connected: 0, firstFrame: 1 }, faults: new Map(), stalledSince: null, ...more });
const shown = (one, status, now = 1000) => phaseText(one, { serverConnected: true, status, now });

test('only a moving picture of a working camera is live', () => {
  assert.deepEqual(shown(session()), { text: 'Live', tone: 'good' });
  assert.deepEqual(shown(session(), { camera: 'live' }), { text: 'Live', tone: 'good' });
  assert.deepEqual(shown(session({ stalledSince: 300 })), { text: 'No new picture', tone: 'warn' });
  for (const state of ['covered', 'black', 'frozen', 'slow', 'stalled']) assert.equal(shown(session(), { camera: state }).tone, 'warn', state);
  assert.equal(phaseText(session(), { serverConnected: false, now: 0 }).tone, 'warn');
});

test('a picture that stands still says since when and why, where that is known', () => {
  const at = new Date(2026, 0, 1, 22, 10, 5).getTime();
  const stalled = (figures, status, more = {}) => stallText(session({ stalledSince: -2_000, lastPictureAt: null, figures, ...more }), { status, now: 1000 });
  assert.deepEqual(stalled(null), { since: 'No new picture for 3 s', last: '', why: '' });
  assert.deepEqual(stalled(null, undefined, { stalledSince: 300 }).since, 'No new picture for 1 s');
  assert.match(stalled(null, undefined, { lastPictureAt: at }).last, /^Last picture .*22:10:05$/);
  assert.match(stalled({ bitrate: 0 }, undefined, { wantsPicture: false }).why, /out of sight/);
  assert.equal(stalled({ bitrate: 0, lossRate: null }).why, 'No packets from the kiosk');
  assert.equal(stalled({ bitrate: 9, lossRate: 0.12, videoPacketRate: 0 }).why, 'The kiosk sends sound, but no picture');
  assert.equal(stalled({ bitrate: 9, lossRate: 0.12 }).why, 'The network has lost 12% of the packets');
  assert.equal(stalled({ bitrate: 9, lossRate: 0 }, { camera: 'frozen' }).why, 'Camera repeats one picture');
});

test('a kiosk that cannot be heard says why', () => {
  assert.equal(microphoneText(session(), { microphone: 'live' }), '');
  assert.equal(microphoneText(session()), '');
  assert.equal(microphoneText(session({ isWithoutSound: true }), { microphone: 'idle' }), 'No microphone');
  assert.equal(microphoneText(session(), { microphone: 'none' }), 'No microphone');
  assert.equal(microphoneText(session(), { microphone: 'silent' }), 'Microphone silent');
  assert.equal(microphoneText(session(), { microphone: '__proto__' }), '__proto__');
});

test('a camera that gives nothing is called so after a while', () => {
  const one = session({ timings: { connected: 0 } });
  assert.equal(shown(one).tone, 'busy');
  assert.match(shown(one, undefined, 9_000).text, /gives no picture/);
});
