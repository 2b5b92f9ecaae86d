/**
 * The server goes away and comes back while somebody watches.
 */

import assert from 'node:assert/strict';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { logInPage } from './log.mjs';
import { Repository } from './repository.mjs';
import { until } from './until.mjs';

const at = fixture();

test('a page that follows a log goes on at the right byte when the server is back', { timeout: 120_000 }, async () => {
  const words = 'naïve 漢字 🚀';
  const repository = new Repository(at.server, 'followed', `steps:
  - name: Count
    run: |
      finish() {
        for n in $(seq 1 400); do echo "while the server stops $n ${words}"; done
        exit 1
      }
      trap finish TERM
      for n in $(seq 1 400); do echo "before $n ${words}"; done
      while :; do sleep 0.05; done
`);
  const { id } = await at.server.createApplication(repository);
  const taskId = await at.server.deploy(id);
  await at.admin(`/deployments/${taskId}`, async (page) => {
    const log = page.getByRole('region', { name: 'Log of “Count”' });
    await log.getByText('before 400 ').waitFor();
    await at.server.stop();
    await page.getByText('The connection to the server is lost.').waitFor();
    await at.server.startAgain();
    await page.getByText('The connection is back.').waitFor();
    await page.getByText('the server was stopped while the task ran').waitFor();
    const toggle = page.locator('.step-toggle', { hasText: 'Count' });
    await until('the log to be unfolded', async () => {
      if (await toggle.getAttribute('aria-expanded') === 'false') {
        await toggle.click();
      }
      return log.isVisible();
    });
    await log.evaluate((it) => it.scrollTo(0, it.scrollHeight));
    await log.getByText('while the server stops 400 ').waitFor();
    const whole = await at.server.log(taskId, 1);
    const expected = whole.toString('utf8');
    assert.ok(expected.includes('while the server stops 400 ') && expected.endsWith('\n'), expected.slice(-300));
    assert.ok(Buffer.from(`${await logInPage(log)}\n`).equals(whole), 'the page and the API tell different logs');
  });
});
