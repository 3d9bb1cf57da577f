// The server serves the files that its list names: one that is missing there is missing for everybody.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { test } from 'node:test';

const target = new URL('../../Sources/ConsolePage/', import.meta.url);

test('every file of the page is on the server’s list, under its own name', () => {
  const list = readFileSync(new URL('ConsoleFile.swift', target), 'utf8');
  const listed = [...list.matchAll(/ConsoleFile\("([^"]+)", PackageResources\.(\w+)\)/g)].map(([, path, resource]) => [path, resource]);
  const files = readdirSync(new URL('Page', target), { recursive: true }).map(String).filter((path) => statSync(new URL(`Page/${path}`, target)).isFile());
  assert.deepEqual(listed.map(([path]) => path).sort(), files.sort());
  for (const [path, resource] of listed) assert.equal(resource, path.split('/').at(-1).replaceAll('.', '_'));
});

test('every module is asked for with the page, not when another one names it', () => {
  const page = readFileSync(new URL('Page/index.html', target), 'utf8');
  const preloaded = [...page.matchAll(/<link rel="modulepreload" href="([^"]+)">/g)].map(([, path]) => path);
  const modules = readdirSync(new URL('Page', target), { recursive: true }).map(String).filter((path) => path.endsWith('.js') && path !== 'main.js' && path !== 'boot.js');
  assert.deepEqual(preloaded, modules.sort());
});
