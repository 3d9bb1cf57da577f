// A section that rests goes on naming its streams.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { StreamLines } from '../../Sources/ConsolePage/Page/media/streamlines.js';

const section = (kind, mid, direction, lines = []) => [`m=${kind} 9 UDP/TLS/RTP/SAVPF 96`, `a=mid:${mid}`, `a=${direction}`, ...lines].map((line) => `${line}\r\n`).join('');
const head = 'v=0\r\na=group:BUNDLE 0 1\r\na=msid-semantic: WMS *\r\n';
const streams = (ssrc) => [`a=msid:s t${ssrc}`, `a=ssrc-group:FID ${ssrc} 9`, `a=ssrc:${ssrc} cname:c`];

test('an inactive section names the streams that it had', () => {
  const answers = new StreamLines();
  const first = head + section('video', '0', 'sendonly', streams(1)) + section('audio', '1', 'sendonly', streams(2));
  assert.equal(answers.kept(first), first);
  const resting = (lines) => head + section('video', '0', 'inactive', lines) + section('audio', '1', 'sendonly', streams(2));
  assert.equal(answers.kept(resting([])), resting(streams(1)));
  // What the kiosk names itself is what counts from then on.
  assert.equal(answers.kept(resting(streams(3))), resting(streams(3)));
  assert.equal(answers.kept(resting([])), resting(streams(3)));
});

test('nothing is invented', () => {
  const fresh = head + section('video', '0', 'inactive') + section('audio', '1', 'sendonly', streams(2));
  assert.equal(new StreamLines().kept(fresh), fresh);
  const answers = new StreamLines();
  answers.kept(head + section('video', '0', 'sendonly', streams(1)));
  const sending = head + section('video', '0', 'sendonly');
  assert.equal(answers.kept(sending), sending);
  const other = head + section('video', '7', 'inactive');
  assert.equal(answers.kept(other), other);
  for (const odd of ['', 'v=0', 'm=', 'm=video\na=inactive', '\0']) assert.equal(new StreamLines().kept(odd), odd);
  assert.equal(answers.kept('m=video 9 x 96\na=mid:0\na=inactive'), `m=video 9 x 96\na=mid:0\na=inactive\r\n${streams(1).join('\r\n')}\r\n`);
});
