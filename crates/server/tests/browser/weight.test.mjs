/**
 * What the list of applications costs to load.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { prepare } from './sample.mjs';

const at = fixture({ prepare });

/** All bodies as they came over the network. */
const MAX_BYTES = 150_000;

test('the list of applications is light', (test) => at.admin('/login', async (page, { context }) => {
  // A page that has never been here: its files are in no cache.
  await page.close();
  const fresh = await context.newPage();
  const network = await context.newCDPSession(fresh);
  await network.send('Network.enable');
  await network.send('Network.setCacheDisabled', { cacheDisabled: true });
  let bytes = 0;
  let n = 0;
  network.on('Network.loadingFinished', ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    n += 1;
  });
  await fresh.goto('/', { waitUntil: 'networkidle' });
  await fresh.getByRole('listitem').filter({ hasText: 'acme/shop' }).waitFor();
  const paint = await fresh.evaluate(() => performance.getEntriesByType('paint')
    .map(({ name, startTime }) => `${name} after ${Math.round(startTime)} ms`).join(', '));
  test.diagnostic(`the list of applications: ${bytes} bytes in ${n} answers, ${paint}`);
  assert.ok(n > 10 && bytes < MAX_BYTES, `${bytes} bytes in ${n} answers`);
}));
