/**
 * Tokens and deliveries: what programs and Git hosts have to do with the console.
 */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';

const at = fixture();

/** Asks for the applications with curl, as a script would. */
function curl(token) {
  const status = execFileSync('curl', ['--silent', '--noproxy', '*', '--output', '/dev/null', '--write-out', '%{http_code}',
    '--header', `cd_token: ${token}`, `${at.server.url}/api/flow/application/list`], { encoding: 'utf8' });
  return Number(status);
}

/** Sends what a host would send for a push, signed with the application's secret. */
async function push({ id, webhookSecret }, commit) {
  const body = JSON.stringify({
    ref: 'refs/heads/main', after: commit, repository: { name: 'hooked', full_name: 'acme/hooked' },
    head_commit: { id: commit, message: 'Say hello', author: { name: 'Mei Lin', email: 'mei@example.com' } },
    pusher: { name: 'mei', email: 'mei@example.com' },
  });
  const signature = createHmac('sha256', webhookSecret).update(body).digest('hex');
  const answer = await fetch(`${at.server.url}/api/hooks/${id}`, {
    method: 'POST', body,
    headers: { 'content-type': 'application/json', 'x-github-event': 'push', 'x-github-delivery': `delivery-${commit}`,
      'x-hub-signature-256': `sha256=${signature}` },
  });
  return answer.json();
}

test('a token made in the settings works with curl, is shown once, and is refused when revoked', () =>
  at.admin('/settings/tokens', async (page) => {
    await page.getByRole('button', { name: 'Create a token' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel('Description').fill('the build machine');
    await dialog.getByRole('button', { name: 'Create a token' }).click();
    const token = await dialog.locator('.copy-value code').innerText();
    assert.equal(curl(token), 200);
    assert.equal(curl(`${token}x`), 401);
    await dialog.getByRole('button', { name: 'I have kept it' }).click();
    const row = page.getByRole('listitem').filter({ hasText: 'the build machine' });
    await row.waitFor();
    assert.ok(!(await page.content()).includes(token), 'the token is still in the page');
    await page.reload();
    await row.getByText('last used').waitFor();
    await row.getByRole('button', { name: 'Revoke “the build machine”' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await row.waitFor({ state: 'detached' });
    assert.equal(curl(token), 401);
  }));

test('a delivery is shown with its reason, and replayed', async () => {
  const repository = new Repository(at.server, 'hooked', 'steps:\n  - name: Greet\n    run: echo hello\n');
  const created = await at.server.createApplication(repository, { trigger_spec: { git: { push: { branches: { prefix: [] } } } } });
  const { success, data } = await push(created, repository.git('rev-parse', 'HEAD'));
  assert.ok(success);
  await at.server.finished(data.taskId);
  await at.admin(`/applications/${created.id}/deliveries`, async (page) => {
    const list = page.getByRole('list', { name: 'Deliveries' });
    await list.getByRole('link', { name: 'Say hello' }).click();
    await page.waitForURL('**/deliveries/*');
    const before = page.url();
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();
    await page.waitForURL((url) => url.href !== before && url.pathname.includes('/deliveries/'));
    await page.getByText('Repeats').waitFor();
    await page.getByRole('link', { name: /Deployment/ }).first().click();
    await page.waitForURL('**/deployments/*');
    await page.locator('.deployment-facts').getByText('Succeeded').waitFor();
    assert.notEqual(new URL(page.url()).pathname, `/deployments/${data.taskId}`);
    await page.goto(`/applications/${created.id}/deliveries`);
    await list.getByRole('listitem').nth(1).waitFor();
    assert.equal(await list.getByRole('listitem').count(), 2);
  });
});
