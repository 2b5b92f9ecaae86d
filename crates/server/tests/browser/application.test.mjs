/**
 * An application from its webhook to its end.
 */

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';

const at = fixture();
const PIPELINE = 'steps:\n  - name: Greet\n    run: echo hello\n';
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] };

const copied = (page) => page.evaluate(() => navigator.clipboard.readText());

/** Pings the webhook as a host would. */
async function ping(url, secret) {
  const body = '{"zen": "keep it logically awesome"}';
  const answer = await fetch(url, { method: 'POST', body, headers: {
    'content-type': 'application/json', 'x-github-event': 'ping', 'x-github-delivery': 'a-ping',
    'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
  } });
  return answer.status;
}

test('the address and the secret of the webhook are copied, the secret only once', () => at.admin('/applications/new', async (page) => {
  const repository = new Repository(at.server, 'copied', PIPELINE);
  await page.getByLabel('Clone URL').fill(repository.path);
  await page.getByLabel('Host').selectOption('git');
  await page.getByLabel('Owner').fill('acme');
  await page.getByLabel('Name', { exact: true }).first().fill('copied');
  await page.getByRole('button', { name: 'Create application' }).click();
  await page.getByRole('button', { name: 'Copy: Webhook secret' }).click();
  await page.locator('.toast.success').first().waitFor();
  const secret = await copied(page);
  await page.getByRole('button', { name: 'Copy: Webhook address' }).click();
  await page.locator('.toast.success').nth(1).waitFor();
  const url = await copied(page);
  assert.equal(await ping(url, secret), 200);
  assert.equal(await ping(url, `${secret}x`), 401);
  await page.getByRole('link', { name: 'Go to the application' }).click();
  await page.getByRole('navigation', { name: 'Deployments' }).getByRole('link', { name: 'Settings' }).click();
  await page.getByText('Not installed by flowcd').waitFor();
  assert.ok(!(await page.content()).includes(secret), 'the secret is still in the page');
  await page.getByRole('button', { name: 'Copy: Webhook address' }).click();
  await page.locator('.toast.success').nth(2).waitFor();
  assert.equal(await copied(page), url);
}, CLIPBOARD));

test('an application is deleted by those who type its name', async () => {
  const { id } = await at.server.createApplication(new Repository(at.server, 'doomed', PIPELINE));
  await at.admin(`/applications/${id}/settings`, async (page) => {
    await page.getByRole('button', { name: 'Delete the application' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Type the name to confirm').fill('acme/doome');
    await dialog.getByRole('button', { name: 'Delete the application' }).click();
    await dialog.getByText('That is not the name.').waitFor();
    await at.server.api('GET', `/application/detail?id=${id}`);
    await dialog.getByLabel('Type the name to confirm').fill('acme/doomed');
    await dialog.getByRole('button', { name: 'Delete the application' }).click();
    await page.waitForURL((url) => url.pathname === '/');
    await page.getByRole('heading', { name: 'Applications' }).waitFor();
    await page.getByText('The application is deleted.').waitFor();
    assert.equal(await page.getByText('acme/doomed').count(), 0);
    await assert.rejects(at.server.api('GET', `/application/detail?id=${id}`), /404/);
    await page.goto(`/applications/${id}`);
    await page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  });
});

test('a page says where it is in its title, and when things were on hover', async () => {
  const repository = new Repository(at.server, 'titled', PIPELINE.replace('echo hello', 'exit 7'));
  const { id } = await at.server.createApplication(repository);
  await at.admin(`/applications/${id}`, async (page) => {
    await page.getByText('Nothing was deployed yet.').waitFor();
    assert.equal(await page.title(), 'acme/titled · flowcd');
    const taskId = await at.server.deploy(id);
    await at.server.finished(taskId);
    await page.reload();
    const when = page.getByRole('list', { name: 'Deployments' }).locator('time').first();
    await when.waitFor();
    assert.match(await when.getAttribute('title'), /\d{4}.*\d:\d\d:\d\d/);
    await page.goto(`/deployments/${taskId}`);
    await page.locator('.deployment-facts').getByText('Failed').waitFor();
    assert.match(await page.title(), /^✕ Failed · #1 acme\/titled · flowcd$/);
    assert.match(await page.locator('link[rel="icon"]').getAttribute('href'), /favicon-failure/);
    await page.goto(`/applications/${id}/deliveries`);
    await page.getByText('Webhook address').waitFor();
    assert.match(await page.title(), /^Deliveries · acme\/titled/);
  });
});

test('what the server quotes is shown as code, in every language the verdict is understood', async () => {
  const made = await at.server.createApplication(new Repository(at.server, 'quoted', PIPELINE), {
    trigger_spec: { git: { push: { branches: { precise: ['main'] } } } },
  });
  const body = JSON.stringify({ ref: 'refs/heads/<b>try</b>', after: 'a'.repeat(40), repository: { name: 'quoted', full_name: 'acme/quoted' } });
  const signature = createHmac('sha256', made.webhookSecret).update(body).digest('hex');
  await fetch(`${at.server.url}/api/hooks/${made.id}`, { method: 'POST', body, headers: { 'content-type': 'application/json',
    'x-github-event': 'push', 'x-github-delivery': 'quoted', 'x-hub-signature-256': `sha256=${signature}` } });
  const { result: [delivery] } = await at.server.api('GET', `/deliveries/list?appId=${made.id}`);
  await at.admin(`/applications/${made.id}/deliveries/${delivery.id}`, async (page) => {
    await page.getByText('分支推送：不匹配').waitFor();
    await page.getByText('没有触发部署。').waitFor();
    const quoted = await page.locator('.rules code.quoted').allInnerTexts();
    assert.deepEqual(quoted, ['<b>try</b>', 'main']);
    assert.equal(await page.locator('.rules b').count(), 0);
  }, { locale: 'zh-CN' });
});
