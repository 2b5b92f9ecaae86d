/**
 * Text of others that is out to do harm, and more text than anybody can read.
 */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { fixture } from './fixture.mjs';
import { Repository } from './repository.mjs';
import { push } from './sample.mjs';
import { until } from './until.mjs';

const at = fixture();

/** What would set `window.harmed` if it ran. */
const ATTACKS = [
  '<script>window.harmed = 1</script>',
  '<img src=x onerror="window.harmed = 2">',
  '"><svg onload="window.harmed = 3">',
  "'-(window.harmed=4)-'",
  '<a href="javascript:window.harmed=5">click</a>',
  '{{constructor.constructor("window.harmed=6")()}}',
];
const BIDI = 'safe\u202egnp.exe\u202c \u2066hidden\u2069 \u200bzero';
const TRICKS = [
  '\u001b[2J\u001b[Hcleared', '\u001b[10A\u001b[2Kmoved up', 'kept\u001b[1000Dgone', 'over\rwritten',
  '\u001b]8;;javascript:window.harmed=7\u0007link\u001b]8;;\u0007', '\u001b]52;c;aGFybWVk\u0007copied',
  '\u001b]0;title\u0007titled', '\u001bPq#0\u001b\\sixel', '\u001b[38;2;1;2;3;4;5;999999999mcolour\u001b[0m',
  '\u001b[31mred never reset', '\u001b[', '\u001b]8;;unfinished', '\u0000\u0007\u0008bell', '\u009b31mc1',
];
const SHOWN = ['cleared', 'moved up', 'written', 'link', 'copied', 'titled', 'red never reset', 'bell'];

/** More than what is in sight, and much less than a million. */
const MAX_NODES = 3000;

async function assertUnharmed(page) {
  assert.equal(await page.evaluate(() => window.harmed), undefined);
  assert.equal(await page.locator('#page script, #page img, #page iframe, #page a[href^="javascript"]').count(), 0);
}

test('nothing runs that stands in names, messages, branches and logs', { timeout: 120_000 }, async () => {
  const message = `${ATTACKS[0]} ${BIDI}\n\n${ATTACKS.join('\n')}`;
  const repository = new Repository(at.server, 'hostile', `name: '${ATTACKS[1].replaceAll("'", "''")}'
steps:
  - name: ${JSON.stringify(`${ATTACKS[0]} ${BIDI}`)}
    id: attack
    run: |
      cat log.txt
      cat outputs.txt >> "$FLOWCD_OUTPUT"
      cat summary.md >> "$FLOWCD_SUMMARY"
`);
  repository.commit(message, {
    'log.txt': `${[...ATTACKS, BIDI, ...TRICKS].join('\n')}\n`,
    'outputs.txt': `html=${ATTACKS[1]}\n`,
    'summary.md': `# ${ATTACKS[0]}\n\n[click](javascript:window.harmed=8) ![x](javascript:window.harmed=9)\n\n${ATTACKS.join('\n\n')}\n\n<${'b'.repeat(5000)}\n`,
  });
  const branch = '<img-src=x-onerror=window.harmed=10>/\u202egnp';
  repository.git('checkout', '--quiet', '-b', branch);
  const created = await at.server.createApplication(repository, {
    repo: ATTACKS[1], owner: `${ATTACKS[0]}${BIDI}`.slice(0, 60), description: `${ATTACKS.join(' ')} ${BIDI}`,
    trigger_spec: { git: { push: { branches: { prefix: [] } } } },
  });
  const commit = repository.git('rev-parse', 'HEAD');
  const taskId = await at.server.deploy(created.id, branch, { message, inputs: { html: ATTACKS[1] } });
  assert.equal((await at.server.finished(taskId)).status, 'success');
  await push(at.server, created, branch, commit, message);
  const { result: deliveries } = await at.server.api('GET', `/deliveries/list?appId=${created.id}`);
  await at.admin('/', async (page) => {
    for (const path of ['/', `/applications/${created.id}`, `/applications/${created.id}/deliveries`,
      `/applications/${created.id}/deliveries/${deliveries[0].id}`, `/applications/${created.id}/settings`, `/deployments/${taskId}`]) {
      await page.goto(path);
      await page.locator('#page:not([aria-busy]) h1').first().waitFor();
      await assertUnharmed(page);
    }
    await page.getByText('<script>window.harmed = 1</script>').first().waitFor();
    await page.locator('.step-toggle').nth(1).click();
    const log = page.locator('#step-1 .log');
    for (const text of [...ATTACKS, ...SHOWN]) {
      await log.getByText(text, { exact: false }).first().waitFor();
    }
    assert.doesNotMatch(await log.innerText(), /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    assert.equal(await log.locator('a[href]:not(.log-number)').count(), 0);
    assert.match(await page.title(), /flowcd$/);
    await assertUnharmed(page);
    await page.goto('/');
    await page.getByRole('button', { name: 'Change the language to 中文' }).click();
    await page.getByRole('heading', { name: '应用' }).waitFor();
    await assertUnharmed(page);
  });
});

/** Begins to watch how long the page stands still. */
function watch(page) {
  return page.evaluate(() => {
    const seen = { longTasks: [], longestGap: 0, last: performance.now() };
    window.watched = seen;
    new PerformanceObserver((list) => seen.longTasks.push(...list.getEntries().map((it) => it.duration)))
      .observe({ type: 'longtask' });
    const frame = (now) => {
      seen.longestGap = Math.max(seen.longestGap, now - seen.last);
      seen.last = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}

async function tell(page, test, what) {
  const { longTasks, longestGap, nodes } = await page.evaluate(() => ({
    ...window.watched, nodes: document.getElementsByTagName('*').length,
  }));
  const longest = Math.round(Math.max(0, ...longTasks));
  test.diagnostic(`${what}: ${nodes} elements, ${longTasks.length} long tasks, the longest ${longest} ms, `
    + `the longest gap between frames ${Math.round(longestGap)} ms`);
  assert.ok(nodes < MAX_NODES, `${nodes} elements for ${what}`);
}

test('a line of a megabyte and a million lines leave the page in motion', { timeout: 180_000 }, async (test) => {
  const go = join(at.server.folder, 'go');
  const repository = new Repository(at.server, 'long', `steps:
  - name: Count
    run: |
      echo begin
      until [ -e '${go}' ]; do sleep 0.05; done
      head -c 1000000 /dev/zero | tr '\\0' x
      echo
      seq 1 1000000
      echo the very end
`);
  const { id } = await at.server.createApplication(repository);
  const taskId = await at.server.deploy(id);
  await at.admin(`/deployments/${taskId}`, async (page) => {
    const log = page.locator('#step-1 .log');
    await log.getByText('begin').waitFor();
    await watch(page);
    writeFileSync(go, '');
    await page.locator('.deployment-facts [role="status"]').getByText('Succeeded').waitFor({ timeout: 120_000 });
    await tell(page, test, 'a million lines while they come');
    await page.locator('#step-1 .step-toggle').click();
    await look(log);
    await tell(page, test, 'a million lines that came');

    await page.reload();
    await watch(page);
    const began = Date.now();
    await page.locator('#step-1 .step-toggle').click();
    await log.getByText('begin').waitFor();
    test.diagnostic(`the first lines are there after ${Date.now() - began} ms`);
    await look(log);
    test.diagnostic(`the last line is there after ${Date.now() - began} ms`);
    await tell(page, test, 'a million lines of a deployment that has ended');
    await log.evaluate((it) => it.scrollTo(0, 0));
    await log.getByRole('button', { name: /show .* more/i }).click();
    await page.getByRole('dialog', { name: 'Line 2' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('searchbox', { name: 'Search the log' }).fill('999999');
    await page.getByText('1 of 1').waitFor();
    await log.locator('mark').getByText('999999').waitFor();
    await tell(page, test, 'after the line of a megabyte and a search');
  });
});

/** Scrolls to the end until the last line is there. */
function look(log) {
  return until('the last line', () => log.evaluate((element) => {
    element.scrollTo(0, element.scrollHeight);
    return element.innerText.includes('the very end');
  }));
}
