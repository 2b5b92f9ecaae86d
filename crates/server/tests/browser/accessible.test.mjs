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

for (const colorScheme of ['light', 'dark']) {
  test(`no page has a serious violation in the ${colorScheme} theme`, { timeout: 120_000 }, async () => {
    const found = [];
    await at.visit('/login', async (page, visit) => {
      await page.getByRole('heading').first().waitFor();
      found.push(...await told(visit, 'login'));
    }, { colorScheme });
    await at.admin('/', async (page, visit) => {
      for (const { name, path, open } of pages) {
        await page.goto(path);
        await page.locator('#page:not([aria-busy]) h1').first().waitFor();
        await open?.(page);
        found.push(...await told(visit, name));
      }
    }, { colorScheme });
    assert.deepEqual(found, []);
  });
}

/** The violations that count, as lines. */
async function told(visit, name) {
  const violations = await visit.axe();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${name}: ${id}: ${html.slice(0, 200)}: ${failureSummary}`));
}
