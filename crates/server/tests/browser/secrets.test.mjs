/**
 * Secrets, of a user and of an application: their values go in and never come out.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';

const at = fixture();
const [FIRST, SECOND] = ['canary-first-value', 'canary-second-value'];

const secret = (page, name) => page.locator('.thing').filter({ hasText: name });

/** Neither the page nor any answer that it got has a value. */
async function nothingTold(page, answers) {
  for (const text of [await page.content(), ...(await Promise.all(answers))]) {
    assert.ok(!text.includes(FIRST) && !text.includes(SECOND), 'a value came out');
  }
}

/** Adds, replaces and removes a secret on the page that is open. */
async function goThrough(page, log) {
  const answers = [];
  page.on('response', (response) => response.url().includes('/api/flow/') && answers.push(response.text().catch(() => '')));
  await page.getByText('There are no secrets.').waitFor();
  await page.getByRole('button', { name: 'Add a secret' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name').fill('9lives');
  await dialog.getByLabel('Value').fill(FIRST);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.locator('[data-field="name"] .field-error span').waitFor();
  await dialog.getByLabel('Name').fill('API_KEY');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  await secret(page, 'API_KEY').waitFor();
  assert.match(await log(), /length 18/);
  await nothingTold(page, answers);

  await secret(page, 'API_KEY').getByRole('button', { name: 'Replace' }).click();
  assert.equal(await dialog.getByLabel('Value').inputValue(), '');
  assert.ok(!(await dialog.getByLabel('Name').isEditable()));
  await dialog.getByLabel('Value').fill(SECOND);
  await dialog.getByRole('button', { name: 'Save' }).click();
  await dialog.waitFor({ state: 'detached' });
  assert.match(await log(), /length 19/);
  await page.reload();
  await secret(page, 'API_KEY').waitFor();
  await nothingTold(page, answers);

  await secret(page, 'API_KEY').getByRole('button', { name: 'Remove' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
  await page.getByText('There are no secrets.').waitFor();
  assert.match(await log(), /length 0/);
}

/** An application whose pipeline tells how long the secret is. */
async function measuring(name) {
  const repository = new Repository(at.server, name, `steps:
  - name: Measure
    env:
      KEY: \${{ secrets.API_KEY }}
    run: echo "length \${#KEY}"
`);
  const { id } = await at.server.createApplication(repository);
  return { id, log: async () => {
    const taskId = await at.server.deploy(id);
    const task = await at.server.finished(taskId);
    const step = task.steps.find((it) => it.run === 'Measure');
    return (await at.server.log(taskId, step.stepCount)).toString();
  } };
}

test('a secret of the user is added, replaced and removed, and is for all applications', async () => {
  const { log } = await measuring('measured');
  await at.admin('/settings/secrets', (page) => goThrough(page, log));
});

test('a secret of an application is added, replaced and removed', async () => {
  const { id, log } = await measuring('owner-of-one');
  await at.admin(`/applications/${id}/settings#secrets`, (page) => goThrough(page, log));
});
