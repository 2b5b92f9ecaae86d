/**
 * Users, and their passwords.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { fixture } from './fixture.mjs';

const at = fixture();
const FIRST = 'a-first-password';
const SECOND = 'a-second-password';

const user = (page, name) => page.getByRole('list', { name: 'Users' }).getByRole('listitem').filter({ hasText: name });

async function fillLogin(page, name, password) {
  await page.getByLabel('User name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signs in on a page of its own, and looks around there. */
function as(name, password, work) {
  return at.visit('/login?next=%2Fsettings%2Fabout', async (page, visit) => {
    await fillLogin(page, name, password);
    await work(page, visit);
  });
}

const isIn = (page) => page.getByRole('heading', { name: 'Settings' }).waitFor();
const isRefused = (page) => page.getByText('The user name or the password is wrong.').waitFor();

test('an administrator makes a user, who signs in and sees no users', () => at.admin('/settings/users', async (page) => {
  await page.getByRole('button', { name: 'Create a user' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('User name').fill('mei');
  await dialog.getByLabel('Password').fill('short');
  await dialog.getByRole('button', { name: 'Create a user' }).click();
  await dialog.getByText('It needs at least 10 characters.').waitFor();
  await dialog.getByLabel('Password').fill(FIRST);
  await dialog.getByRole('button', { name: 'Create a user' }).click();
  await dialog.waitFor({ state: 'detached' });
  await user(page, 'mei').waitFor();
  assert.equal(await user(page, 'mei').getByText('Administrator', { exact: true }).count(), 0);
  await as('mei', FIRST, async (hers) => {
    await isIn(hers);
    const tabs = hers.getByRole('navigation', { name: 'Settings' });
    await tabs.getByRole('link', { name: 'Tokens' }).waitFor();
    assert.equal(await tabs.getByRole('link', { name: 'Users' }).count(), 0);
    await hers.goto('/settings/users');
    await hers.getByText('Users are managed by administrators.').waitFor();
    assert.equal(await hers.getByRole('button', { name: 'Create a user' }).count(), 0);
  });
}));

test('a password is reset, and a user is disabled and enabled', async () => {
  await at.server.api('POST', '/users/create', { username: 'lin', password: FIRST });
  await at.admin('/settings/users', async (page) => {
    await user(page, 'lin').getByRole('button', { name: 'Reset the password' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('New password').fill(SECOND);
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.waitFor({ state: 'detached' });
    await as('lin', FIRST, isRefused);
    await as('lin', SECOND, async (theirs) => {
      await isIn(theirs);
      await user(page, 'lin').getByRole('button', { name: 'Disable' }).click();
      await dialog.getByRole('button', { name: 'Disable' }).click();
      await user(page, 'lin').getByText('disabled', { exact: true }).waitFor();
      await theirs.goto('/settings/tokens');
      await theirs.waitForURL('**/login?next=*');
    });
    await as('lin', SECOND, isRefused);
    await user(page, 'lin').getByRole('button', { name: 'Enable' }).click();
    await dialog.getByRole('button', { name: 'Enable' }).click();
    await user(page, 'lin').getByText('disabled', { exact: true }).waitFor({ state: 'detached' });
    await as('lin', SECOND, isIn);
    const oneself = page.getByRole('listitem').filter({ has: page.getByText('you', { exact: true }) });
    await oneself.getByRole('link', { name: 'Change your password' }).waitFor();
    assert.equal(await oneself.getByRole('button').count(), 0, 'nobody can lock himself out');
  });
});

test('a user changes the password: other sessions end, and this one goes on', async () => {
  await at.server.api('POST', '/users/create', { username: 'wang', password: FIRST });
  await as('wang', FIRST, async (elsewhere) => {
    await isIn(elsewhere);
    await as('wang', FIRST, async (page) => {
      await isIn(page);
      const change = async (old, fresh, again = fresh) => {
        await page.getByLabel('Present password').fill(old);
        await page.getByLabel('New password', { exact: true }).fill(fresh);
        await page.getByLabel('New password again').fill(again);
        await page.getByRole('button', { name: 'Change the password' }).click();
      };
      await change(FIRST, 'short');
      await page.getByText('It needs at least 10 characters.').waitFor();
      await change(FIRST, SECOND, `${SECOND}!`);
      await page.getByText('That is another one than above.').waitFor();
      await change('not-the-password', SECOND);
      await page.locator('[data-field="oldPassword"]').getByText('it is not your password').waitFor();
      await change(FIRST, SECOND);
      await page.getByText('The password is changed.').waitFor();
      assert.equal(await page.getByLabel('Present password').inputValue(), '');
      await page.reload();
      await isIn(page);
    });
    await elsewhere.getByRole('link', { name: 'Tokens' }).click();
    const dialog = elsewhere.getByRole('dialog', { name: 'Your session has ended' });
    await dialog.getByLabel('Password').fill(SECOND);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await elsewhere.getByText('There are no tokens.').waitFor();
  });
  await as('wang', FIRST, isRefused);
});
