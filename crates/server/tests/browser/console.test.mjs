/**
 * What people do in the console, from signing in to rolling back.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { PHONE } from './browser.mjs';
import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';
import { PASSWORD } from './server.mjs';

const at = fixture();

/** Waits in a step for a file that a test makes. */
const waitFor = (file) => `until [ -e '${file}' ]; do sleep 0.05; done`;

function pipeline(script) {
  return `steps:\n  - name: Build\n    run: |\n${script.split('\n').map((line) => `      ${line}`).join('\n')}\n`;
}

/** A repository with its application. */
async function application(name, script) {
  const repository = new Repository(at.server, name, pipeline(script));
  const { id } = await at.server.createApplication(repository);
  return { repository, id };
}

const row = (page, text) => page.getByRole('listitem').filter({ hasText: text });
const status = (page) => page.locator('.deployment-facts [role="status"]');

async function signIn(page, password) {
  await page.getByLabel('User name').fill('admin');
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

test('a wrong password is told, and the right one leads to where one wanted', () => at.visit('/settings/about', async (page) => {
  await page.waitForURL('**/login?next=*');
  await signIn(page, 'wrong');
  await page.getByText('The user name or the password is wrong.').waitFor();
  assert.equal(new URL(page.url()).pathname, '/login');
  await signIn(page, PASSWORD);
  await page.waitForURL('**/settings/about');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL('**/login');
  await page.goto('/');
  await page.waitForURL('**/login');
}));

test('an application is made, deployed, and its log arrives while the step runs', () => at.admin('/', async (page) => {
  const file = join(at.server.folder, 'go-on');
  const repository = new Repository(at.server, 'live', pipeline(`echo first line\n${waitFor(file)}\necho last line`));
  await page.getByRole('heading', { name: 'Deploy your first repository' }).waitFor();
  await page.getByRole('link', { name: 'New application' }).click();
  await page.getByLabel('Clone URL').fill(repository.path);
  await page.getByLabel('Host').selectOption('git');
  await page.getByLabel('Owner').fill('acme');
  await page.getByLabel('Name', { exact: true }).first().fill('live');
  await page.getByRole('button', { name: 'Create application' }).click();
  await page.getByRole('heading', { name: 'acme/live is ready' }).waitFor();
  await page.getByText('Webhook secret').first().waitFor();
  await page.getByRole('link', { name: 'Go to the application' }).click();
  await page.getByText('Nothing was deployed yet.').waitFor();
  await page.getByRole('button', { name: 'Deploy' }).click();
  const dialog = page.getByRole('dialog');
  assert.equal(await dialog.getByLabel('Branch or tag').inputValue(), 'main');
  await dialog.getByRole('button', { name: 'Deploy' }).click();
  await page.waitForURL('**/deployments/*');
  const log = page.getByRole('region', { name: 'Log of “Build”' });
  await log.getByText('first line').waitFor();
  assert.equal(await status(page).innerText(), 'Running');
  assert.equal(await log.getByText('last line').count(), 0);
  assert.match(await page.title(), /^● Running · #1 acme\/live/);
  writeFileSync(file, '');
  await status(page).getByText('Succeeded').waitFor();
  await page.getByRole('button', { name: 'Build' }).first().click();
  await log.getByText('last line').waitFor();
  assert.match(await page.title(), /^✓ Succeeded/);
  await page.getByRole('link', { name: 'Applications' }).first().click();
  await row(page, 'acme/live').getByText('Say hello').waitFor();
}));

test('what a pipeline declares is asked for, and branches and tags are offered', async () => {
  const repository = new Repository(at.server, 'declared', `inputs:
  target: {type: choice, options: [staging, production], default: staging}
  replicas: {type: number, required: true}
  note: {description: What the log says}
${pipeline('echo "to ${{ inputs.target }} with ${{ inputs.replicas + 1 }}: ${{ inputs.note }}"')}`);
  repository.git('branch', 'next');
  repository.git('tag', 'v1.0');
  const { id } = await at.server.createApplication(repository);
  // The server knows a pipeline when it has fetched the commit.
  await at.server.finished(await at.server.deploy(id, 'main', { inputs: { replicas: 1 } }));
  await at.admin(`/applications/${id}`, async (page) => {
    await page.getByRole('button', { name: 'Deploy', exact: true }).first().click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('target').selectOption('production');
    assert.equal(await dialog.getByText('What the log says').count(), 1);
    for (const name of ['next', 'v1.0']) {
      await dialog.locator(`datalist option[value="${name}"]`).waitFor({ state: 'attached' });
    }
    await dialog.getByRole('button', { name: 'Deploy' }).click();
    await dialog.getByText('A value is needed.').waitFor();
    await dialog.getByLabel('replicas').fill('2');
    await dialog.getByLabel('note').fill('go');
    await dialog.getByRole('button', { name: 'Deploy' }).click();
    await page.waitForURL('**/deployments/*');
    await status(page).getByText('Succeeded').waitFor();
    await page.getByRole('button', { name: 'Build' }).first().click();
    await page.getByRole('region', { name: 'Log of “Build”' }).getByText('to production with 3: go').waitFor();
  });
});

test('cancelling is told until what runs has ended', async () => {
  const file = join(at.server.folder, 'may-end');
  const { id } = await application('stubborn', `trap '' TERM INT\necho it runs\n${waitFor(file)}`);
  const taskId = await at.server.deploy(id);
  await at.admin(`/deployments/${taskId}`, async (page) => {
    await page.getByText('it runs').waitFor();
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel it' }).click();
    await status(page).getByText('Cancelling').waitFor();
    await page.getByText('Cancelling: what runs is being ended').waitFor();
    assert.ok(await page.getByRole('button', { name: 'Cancelling' }).isDisabled());
    assert.equal((await at.server.task(taskId)).status, 'running');
    writeFileSync(file, '');
    await status(page).getByText('Cancelled').waitFor();
  });
});

test('a deployment runs again, and an earlier one comes back', async () => {
  const { id, repository } = await application('again', 'echo the commit is $(git rev-parse HEAD)');
  const first = repository.git('rev-parse', 'HEAD');
  await at.server.finished(await at.server.deploy(id));
  await at.admin(`/applications/${id}`, async (page) => {
    const tasks = page.getByRole('list', { name: 'Deployments' });
    await tasks.getByRole('button', { name: 'Redeploy' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Redeploy' }).click();
    await page.waitForURL('**/deployments/*');
    await status(page).getByText('Succeeded').waitFor();
    const chain = page.getByRole('navigation', { name: 'Redeployed' });
    await chain.getByRole('link', { name: '#1' }).waitFor();
    assert.match(await chain.locator('[aria-current]').innerText(), /#2$/);
  });
  repository.commit('Say good-bye');
  await at.server.finished(await at.server.deploy(id));
  await at.admin(`/applications/${id}`, async (page) => {
    await row(page, 'Say good-bye').waitFor();
    await row(page, '#1').getByRole('button', { name: 'Roll back to this' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText(first.slice(0, 8)).waitFor();
    await dialog.getByRole('button', { name: 'Roll back to this' }).click();
    await page.waitForURL('**/deployments/*');
    await status(page).getByText('Succeeded').waitFor();
    await page.getByRole('button', { name: 'Build' }).first().click();
    await page.getByText(`the commit is ${first}`).waitFor();
  });
});

test('the language and the theme are chosen, and remembered', () => at.admin('/', async (page) => {
  await page.getByRole('heading', { name: 'Applications' }).waitFor();
  await page.getByRole('button', { name: 'Change the language to 中文' }).click();
  await page.getByRole('heading', { name: '应用' }).waitFor();
  assert.equal(await page.getAttribute('html', 'lang'), 'zh-CN');
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await ground();
  const theme = page.locator('#theme-switch');
  await theme.click();
  assert.equal(await ground(), light);
  await theme.click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.getByRole('heading', { name: '应用' }).waitFor();
  assert.equal(await ground(), dark);
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
}));

test('a browser that asks for Chinese gets it', () => at.visit('/login', async (page) => {
  await page.getByRole('button', { name: '登录' }).waitFor();
}, { locale: 'zh-CN' }));

test('a phone shows every page without scrolling sideways', async () => {
  const { id, repository } = await application('phone', `echo ${'a-long-word-'.repeat(40)}`);
  repository.commit(`Explain ${'averyveryverylongword'.repeat(10)} to whom it may concern`);
  const taskId = await at.server.deploy(id);
  await at.server.finished(taskId);
  const paths = ['/', '/applications/new', `/applications/${id}`, `/applications/${id}/deliveries`, `/applications/${id}/settings`,
    `/deployments/${taskId}`, '/settings/tokens', '/settings/providers', '/settings/secrets', '/settings/users', '/settings/about'];
  await at.admin('/', async (page) => {
    for (const path of paths) {
      await page.goto(path);
      await page.locator('#page:not([aria-busy]) h1').first().waitFor();
      const widths = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(widths[0] <= widths[1], `${path} is ${widths[0]} wide on ${widths[1]}`);
    }
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Applications' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    await row(page, 'acme/phone').getByRole('link').first().click();
    await page.waitForURL(`**/applications/${id}`);
    await page.getByRole('button', { name: 'Deploy', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('link', { name: 'Deliveries' }).click();
    await page.waitForURL(`**/applications/${id}/deliveries`);
    await page.getByRole('button', { name: 'Change the language to 中文' }).click();
    await page.getByRole('link', { name: '设置' }).first().click();
    await page.waitForURL('**/settings');
  }, { viewport: PHONE, hasTouch: true, isMobile: true });
});

test('the keyboard searches, goes places and helps', async () => {
  await application('found', 'true');
  await application('other', 'true');
  await at.admin('/settings/about', useKeyboard);
});

async function useKeyboard(page) {
  await page.getByRole('heading', { name: 'Settings' }).waitFor();
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await page.getByRole('heading', { name: 'Applications' }).waitFor();
  await page.keyboard.press('/');
  const search = page.getByRole('searchbox', { name: 'Search applications' });
  assert.ok(await search.evaluate((it) => it === document.activeElement));
  await page.keyboard.type('no such thing?');
  await page.getByText('No application matches.').waitFor();
  await search.fill('foun');
  await row(page, 'acme/found').waitFor();
  assert.equal(await row(page, 'acme/').count(), 1);
  await search.blur();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  await help.getByText('Go to the applications').waitFor();
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
}

test('a session that ends takes nothing that was typed', async () => {
  const repository = new Repository(at.server, 'typed', pipeline('true'));
  await at.admin('/applications/new', async (page, { context }) => {
    await page.getByLabel('Clone URL').fill(repository.path);
    await page.getByLabel('Host').selectOption('git');
    await page.getByLabel('Owner').fill('acme');
    await page.getByLabel('Name', { exact: true }).first().fill('typed');
    await page.getByLabel('Description').fill('typed before the session ended');
    await context.clearCookies();
    await page.getByRole('button', { name: 'Create application' }).click();
    const dialog = page.getByRole('dialog', { name: 'Your session has ended' });
    assert.equal(await dialog.getByLabel('User name').inputValue(), 'admin');
    assert.equal(await page.locator('input').nth(0).inputValue(), repository.path);
    await dialog.getByLabel('Password').fill(PASSWORD);
    await dialog.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'acme/typed is ready' }).waitFor();
    await page.getByRole('link', { name: 'Go to the application' }).click();
    await page.getByText('typed before the session ended').waitFor();
  });
});
