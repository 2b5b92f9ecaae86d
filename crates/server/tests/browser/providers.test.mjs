/**
 * Accounts on Git hosts, and choosing a repository that such an account sees.
 */

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import { fixture } from './fixture.mjs';
import { Host } from './host.mjs';

const TOKEN = 'canary-token-of-a-git-host';
const at = fixture({ options: ['--drain-timeout=1s', '--allow-http-repos'] });
let host;
before(async () => {
  host = await Host.start();
});
after(() => host?.end());

/** A repository as GitHub tells it. */
function repository(id, name, description) {
  return { id, name, description, owner: { login: 'acme', id: 1 }, clone_url: `${host.origin}/acme/${name}.git`, private: name === 'vault',
    default_branch: 'main', permissions: { admin: true, push: true } };
}

const account = (page) => page.getByRole('list', { name: 'Providers' }).getByRole('listitem').filter({ hasText: host.origin });

test('an account is refused by its host, connected, and disconnected', () => at.admin('/settings/providers', async (page) => {
  await page.getByText('There are no accounts.').waitFor();
  await page.getByRole('button', { name: 'Add an account' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Host', { exact: true }).selectOption('github');
  await dialog.getByLabel('Host address').fill(host.origin);
  await dialog.getByRole('button', { name: 'Check and save' }).click();
  await dialog.getByText('Give the token.').waitFor();
  assert.deepEqual(host.asked, []);

  host.on('GET /api/v3/user', 401, { message: 'Bad credentials' });
  await dialog.getByLabel('Token', { exact: true }).fill(TOKEN);
  await dialog.getByRole('button', { name: 'Check and save' }).click();
  const refusal = dialog.locator('[data-field="token"] .field-error');
  await refusal.locator('span').waitFor();
  assert.match(await refusal.innerText(), /does not take the token/);
  assert.equal(await dialog.getByLabel('Token', { exact: true }).getAttribute('aria-invalid'), 'true');

  host.on('GET /api/v3/user', 200, { login: 'octocat', id: 1 });
  await dialog.getByRole('button', { name: 'Check and save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await account(page).getByText('octocat').waitFor();
  assert.deepEqual(host.asked.at(-1), { what: 'GET /api/v3/user', token: `Bearer ${TOKEN}` });
  assert.ok(!(await page.content()).includes(TOKEN), 'the token is still in the page');
  await page.reload();
  await account(page).getByText('octocat').waitFor();

  await account(page).getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('There are no accounts.').waitFor();
  const { providerTokens } = await at.server.api('POST', '/user/userInfo', {});
  assert.deepEqual(providerTokens, []);
}));

test('a new application takes its repository from those that the account sees', async () => {
  host.on('GET /api/v3/user', 200, { login: 'octocat', id: 1 });
  host.on('GET /api/v3/user/repos', 200, [repository(7, 'storefront', 'What customers see'), repository(8, 'vault', null)]);
  await at.server.api('POST', '/user/updateUserProviderToken', { data: { provider: 'github', url: host.origin, token: TOKEN } });
  await at.admin('/applications/new', async (page) => {
    await page.getByRole('button', { name: 'Choose from GitHub' }).click();
    const dialog = page.getByRole('dialog');
    const rows = dialog.getByRole('listitem');
    await rows.filter({ hasText: 'acme/vault' }).getByText('private').waitFor();
    await dialog.getByRole('searchbox', { name: 'Search repositories' }).fill('customers');
    assert.equal(await rows.count(), 1);
    await dialog.getByRole('searchbox', { name: 'Search repositories' }).fill('nothing like it');
    await dialog.getByText('No repository matches.').waitFor();
    await dialog.getByRole('searchbox', { name: 'Search repositories' }).fill('STORE');
    await rows.getByRole('button').click();
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await page.getByLabel('Clone URL').inputValue(), `${host.origin}/acme/storefront.git`);
    assert.equal(await page.getByLabel('Host').inputValue(), 'github');
    assert.equal(await page.getByLabel('Owner').inputValue(), 'acme');
    assert.equal(await page.getByLabel('Name', { exact: true }).first().inputValue(), 'storefront');
    assert.equal(await page.getByLabel('Description').inputValue(), 'What customers see');
    await page.getByRole('button', { name: 'Create application' }).click();
    await page.getByRole('heading', { name: 'acme/storefront is ready' }).waitFor();
  });
  const [made] = await at.server.api('GET', '/application/list');
  assert.equal(made.repo_url, `${host.origin}/acme/storefront.git`);
});

test('a host that does not answer is told where the repositories would be', async () => {
  host.on('GET /api/v3/user', 200, { login: 'octocat', id: 1 });
  await at.server.api('POST', '/user/updateUserProviderToken', { data: { provider: 'github', url: host.origin, token: TOKEN } });
  host.on('GET /api/v3/user/repos', 500, { message: 'out of order' });
  await at.admin('/applications/new', async (page) => {
    await page.getByRole('button', { name: 'Choose from GitHub' }).click();
    await page.getByRole('dialog').getByRole('alert').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal(await page.getByLabel('Clone URL').inputValue(), '');
  });
});
