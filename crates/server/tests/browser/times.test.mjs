/**
 * Time stamps beside the lines of a log.
 */

import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';

const at = fixture();

test('lines show when they were printed, on demand, live and afterwards', async () => {
  const gate = join(at.server.folder, 'go-on');
  const repository = new Repository(at.server, 'timed', `steps:
  - name: Wait
    run: |
      echo early
      while ! test -e ${gate}; do sleep 0.02; done
      echo late
      for n in $(seq 1 5000); do echo "line $n"; done
      while ! test -e ${gate}-end; do sleep 0.02; done
`);
  const { id } = await at.server.createApplication(repository);
  const taskId = await at.server.deploy(id);
  await at.admin(`/deployments/${taskId}`, async (page) => {
    const log = page.getByRole('region', { name: 'Log of “Wait”' });
    const time = (line) => log.locator('.log-line', { has: page.locator('.log-text', { hasText: new RegExp(`^${line}$`) }) })
      .locator('time.log-time');
    await log.getByText('early', { exact: true }).waitFor();
    assert.equal(await log.locator('.log-time').count(), 0);
    await page.getByLabel('Time stamps').check();
    await time('early').waitFor();
    const early = Date.parse(await time('early').getAttribute('datetime'));
    assert.ok(!existsSync(gate));
    writeFileSync(gate, '');
    // What comes while they are shown has its time, too.
    await log.getByText('line 5000', { exact: true }).waitFor();
    await time('line 5000').waitFor();
    await log.evaluate((it) => it.scrollTo(0, 0));
    await time('late').waitFor();
    const late = Date.parse(await time('late').getAttribute('datetime'));
    assert.ok(late > early, `${late} is not after ${early}`);
    writeFileSync(`${gate}-end`, '');
    await page.locator('.deployment-facts').getByText('Succeeded').waitFor();
    const task = await at.server.task(taskId);
    const step = task.steps.find((it) => it.stepCount === '1');
    assert.ok(early >= step.started_time && late <= task.finished_time, `${early} ${late} ${JSON.stringify(task)}`);
    assert.match(await time('late').innerText(), /^\d\d:\d\d:\d\d\.\d{3}$/);

    // The choice is kept, and the API says the same of a log that has ended.
    await page.reload();
    await page.locator('.step-toggle', { hasText: 'Wait' }).click();
    await time('late').waitFor();
    assert.equal(Date.parse(await time('late').getAttribute('datetime')), late);
    await page.getByLabel('Time stamps').uncheck();
    await time('late').waitFor({ state: 'detached' });
  });
});
