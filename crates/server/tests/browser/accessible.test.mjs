/**
 * Every page, in both themes, as axe sees it.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { pagesOf, prepare } from './sample.mjs';

let pages = [];
const at = fixture({ prepare: async (server) => {
  pages = pagesOf(await prepare(server));
} });

test('no page has a serious violation, in neither theme', { timeout: 120_000 }, async () => {
  const found = [];
  await at.visit('/login', async (page, visit) => {
    await page.getByRole('heading').first().waitFor();
    found.push(...await told(visit, 'login'));
  });
  await at.admin('/', async (page, visit) => {
    for (const { name, path, open, close } of pages) {
      await page.goto(path);
      await page.locator('#page:not([aria-busy]) h1').first().waitFor();
      await open?.(page);
      found.push(...await told(visit, name));
      await close?.(page);
    }
  });
  assert.deepEqual(found, []);
});

/** The violations that count, as lines. */
async function told(visit, name) {
  const found = [];
  for (const colorScheme of ['light', 'dark']) {
    await visit.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const serious = (await visit.axe()).filter(({ impact }) => impact === 'serious' || impact === 'critical');
    found.push(...serious.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
      `${name}, ${colorScheme}: ${id}: ${html.slice(0, 200)}: ${failureSummary}`)));
  }
  return found;
}
