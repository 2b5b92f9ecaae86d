/**
 * The editor of triggers, and that nothing is lost that was typed.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';

const at = fixture();

const RULES = {
  push: { branches: { precise: ['main'], include: ['feature/**'] }, paths: ['src/**'] },
  events: [{ eventName: 'push', filter: 'body.ref == "refs/heads/main"' }, { eventName: 'release' }],
};

async function application(name, trigger = RULES) {
  const repository = new Repository(at.server, name, 'steps:\n  - name: Greet\n    run: echo hello\n');
  const { id } = await at.server.createApplication(repository, { trigger_spec: { git: trigger } });
  return { id, path: `/applications/${id}/settings` };
}

/** The rules as the server has them, without the secret that it shows as `***`. */
async function rulesOf(id) {
  const { trigger_spec: { git: { secret, ...rules } } } = await at.server.api('GET', `/application/detail?id=${id}`);
  assert.equal(secret, '***');
  return rules;
}

const editor = (page) => page.getByRole('form', { name: 'Trigger' });
const yaml = (page) => editor(page).getByLabel('Trigger as YAML');
const json = (page) => editor(page).getByLabel('Trigger as JSON');
const view = (page, name) => editor(page).getByRole('button', { name, exact: true }).click();
const save = (page) => page.getByRole('button', { name: 'Save the trigger' }).click();
const question = (page) => page.getByRole('dialog', { name: 'Leave without saving?' });

async function explain(page, branch) {
  const panel = editor(page).locator('.explain');
  if (!await panel.evaluate((it) => it.open)) {
    await panel.locator('summary').click();
  }
  await panel.getByLabel('Branch or tag').fill(branch);
  await panel.getByRole('button', { name: 'Explain' }).click();
  return panel.locator('.answer');
}

test('a trigger is the same as a form, as YAML and as JSON', async () => {
  const { id, path } = await application('forms');
  await at.admin(path, async (page) => {
    await view(page, 'YAML');
    await yaml(page).waitFor();
    const written = await yaml(page).inputValue();
    assert.match(written, /^git:\n {2}events:\n/);
    await view(page, 'JSON');
    await json(page).waitFor();
    assert.deepEqual(JSON.parse(await json(page).inputValue()), { git: RULES });
    await view(page, 'Form');
    await editor(page).getByRole('region', { name: 'Pushes' }).waitFor();
    await view(page, 'YAML');
    await yaml(page).waitFor();
    assert.equal(await yaml(page).inputValue(), written);
    // To look at it in other ways is no change.
    await page.getByRole('link', { name: 'Deliveries' }).click();
    await page.waitForURL('**/deliveries');
    assert.deepEqual(await rulesOf(id), RULES);
  });
});

test('what is written as YAML is explained, saved, and its secret stays', async () => {
  const { id, path } = await application('written');
  await at.admin(path, async (page) => {
    await view(page, 'YAML');
    await yaml(page).fill('# ours\ngit:\n  secret: "***"\n  push:\n    branches: {precise: [release]}\n');
    await (await explain(page, 'release')).getByText('Deployed').waitFor();
    const asked = page.waitForResponse('**/trigger/explain');
    await explain(page, 'main');
    assert.equal((await (await asked).json()).data.verdict, 'skipped');
    assert.deepEqual(await rulesOf(id), RULES);
    await save(page);
    await page.getByText('Saved.').waitFor();
    assert.deepEqual(await rulesOf(id), { push: { branches: { precise: ['release'] } } });
    // Saved, so nobody asks.
    await page.getByRole('link', { name: 'Deliveries' }).click();
    await page.waitForURL('**/deliveries');
  });
});

test('what is wrong in YAML is shown at its line', async () => {
  const { id, path } = await application('wrong');
  await at.admin(path, async (page) => {
    await view(page, 'YAML');
    const marked = () => yaml(page).evaluate((it) => it.value.slice(it.selectionStart, it.selectionEnd).trim());
    for (const [text, line, at] of [
      ['git:\n  push: {}\n  pr: "x\n', null, null],
      ['git:\n  push:\n    branchs: {}\n', 3, 'branchs: {}'],
      ['git:\n  events:\n  - eventName: push\n  - eventName: push\n    filter: body.ref ===\n', 5, 'filter: body.ref ==='],
      ['git:\n  push:\n    branches:\n      include:\n      - main\n      - a/[z-a]\n', 6, '- a/[z-a]'],
    ]) {
      await yaml(page).fill(text);
      await save(page);
      await editor(page).locator('.field-error').getByText(line ? `Line ${line}: ` : /^Line \d+: /).waitFor();
      if (at) {
        assert.equal(await marked(), at);
      }
      // No other view would show what cannot be read.
      if (line === 3) {
        await view(page, 'Form');
        await editor(page).locator('.field-error').getByText('Line 3: there is no such field').waitFor();
        assert.equal(await yaml(page).inputValue(), text);
      }
    }
    assert.deepEqual(await rulesOf(id), RULES);
    await page.getByRole('link', { name: 'Deliveries' }).click();
    await question(page).getByRole('button', { name: 'Leave' }).click();
    await page.waitForURL('**/deliveries');
  });
});

test('whoever leaves with something unsaved is asked', async () => {
  const { id, path } = await application('unsaved');
  await at.admin(`/applications/${id}`, async (page) => {
    await page.locator('#page').getByRole('link', { name: 'Settings' }).click();
    await page.waitForURL(`**${path}`);
    const description = page.getByLabel('Description');
    await description.fill('typed');
    await page.getByRole('link', { name: 'Deliveries' }).click();
    await question(page).getByText('General').waitFor();
    await question(page).getByRole('button', { name: 'Stay' }).click();
    assert.equal(new URL(page.url()).pathname, path);
    assert.equal(await description.inputValue(), 'typed');
    // The address is that of the page, also after the browser has gone back by itself.
    await page.evaluate(() => history.back());
    await question(page).waitFor();
    await page.waitForURL(`**${path}`);
    await question(page).getByRole('button', { name: 'Stay' }).click();
    assert.equal(await description.inputValue(), 'typed');
    await page.getByRole('button', { name: 'Change the language to 中文' }).click();
    await question(page).getByRole('button', { name: 'Stay' }).click();
    assert.equal(await description.inputValue(), 'typed');
    assert.equal(await page.getAttribute('html', 'lang'), 'en');
    // What is as it was is not lost.
    await description.fill('');
    await page.getByRole('link', { name: 'Deliveries' }).click();
    // Until it is there the page before it is still to be seen.
    await page.getByText('Nothing has come in yet.').waitFor();
    await page.goBack();
    await page.waitForURL(`**${path}`);
    await description.fill('typed');
    await page.evaluate(() => history.back());
    await question(page).getByRole('button', { name: 'Leave' }).click();
    await page.waitForURL(`**/applications/${id}`);
    await page.getByText('Nothing was deployed yet.').waitFor();
  });
});

test('a tab that is closed with something unsaved asks', async () => {
  const { path } = await application('closed');
  await at.admin(path, async (page) => {
    await page.getByLabel('Description').fill('typed');
    const asked = page.waitForEvent('dialog');
    await page.close({ runBeforeUnload: true });
    assert.equal((await asked).type(), 'beforeunload');
    assert.equal(await page.getByLabel('Description').inputValue(), 'typed');
    await page.getByRole('button', { name: 'Save', exact: true }).last().click();
    await page.getByText('Saved.').waitFor();
    await page.reload();
    assert.equal(await page.getByLabel('Description').inputValue(), 'typed');
  });
});
