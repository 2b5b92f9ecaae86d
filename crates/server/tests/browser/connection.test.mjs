/**
 * A connection that is cut while a page is open.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';

const at = fixture();

test('a lost connection is told, and the page is true again when it is back', async () => {
  const repository = new Repository(at.server, 'cut', 'steps:\n  - name: Greet\n    run: echo hello\n');
  const { id } = await at.server.createApplication(repository);
  await at.admin(`/applications/${id}`, async (page, { context }) => {
    await page.getByText('Nothing was deployed yet.').waitFor();
    assert.equal(await page.locator('.banner').count(), 0);
    await context.setOffline(true);
    // Whatever is asked for finds it out.
    await page.getByLabel('Status').selectOption('success');
    await page.getByText('The connection to the server is lost.').waitFor();
    await page.getByRole('button', { name: 'Deploy', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Deploy' }).click();
    await dialog.getByText('The server cannot be reached.').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await at.server.finished(await at.server.deploy(id));
    assert.equal(await page.getByText('Say hello').count(), 0);
    await context.setOffline(false);
    await page.getByText('The connection is back.').waitFor();
    await page.getByRole('list', { name: 'Deployments' }).getByText('Say hello').waitFor();
    await page.locator('.banner').waitFor({ state: 'detached' });
  });
});

test('keys go to places and help, but not while one types', () => at.admin('/settings/tokens', async (page) => {
  await page.getByRole('heading', { name: 'Tokens' }).waitFor();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  await help.waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
  assert.equal(new URL(page.url()).pathname, '/settings/tokens');
  await page.keyboard.press('g');
  await page.keyboard.press('n');
  await page.waitForURL('**/applications/new');
  await page.getByLabel('Description').fill('');
  await page.getByLabel('Description').press('?');
  await page.getByLabel('Description').press('g');
  await page.getByLabel('Description').press('a');
  assert.equal(await page.getByLabel('Description').inputValue(), '?ga');
  assert.equal(new URL(page.url()).pathname, '/applications/new');
}));
