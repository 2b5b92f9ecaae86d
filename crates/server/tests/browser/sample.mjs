/**
 * A server as a team would have it after a week: what the pictures are taken of, and what axe looks at.
 */

import { createHmac } from 'node:crypto';
import { join } from 'node:path';

import { Repository } from './repository.mjs';
import { until } from './until.mjs';

const WEB = `name: shop
inputs:
  target: {type: choice, options: [staging, production], default: staging}
steps:
  - name: Install dependencies
    run: |
      printf '\\033[1mnpm ci\\033[0m\\n'
      printf '\\033[32madded 214 packages\\033[0m in 3s\\n'
  - name: Test
    run: |
      for suite in cart checkout search account orders; do printf '\\033[32m✓\\033[0m %s\\n' "$suite"; done
      printf '\\n\\033[1;32m  48 passing\\033[0m\\n\\033[33m   1 pending: refunds in two currencies\\033[0m\\n'
  - name: Build
    run: |
      for part in vendor shop admin; do echo "  dist/$part.js   $((\${#part} * 31)) kB"; done
  - name: Deploy
    id: deploy
    run: |
      echo "Uploading to \${{ inputs.target }} .."
      echo "url=https://shop.example.com" >> "$FLOWCD_OUTPUT"
      printf '### Deployed\\n\\nVersion **2.14** is at <https://shop.example.com>.\\n' >> "$FLOWCD_SUMMARY"
`;
const API = `steps:
  - name: Compile
    run: |
      printf '   \\033[1;32mCompiling\\033[0m orders v0.9.2\\n    \\033[1;32mFinished\\033[0m release in 41.2s\\n'
  - name: Migrate the database
    run: |
      echo "applying 0017_refunds"
      printf '\\033[1;31merror\\033[0m: relation \\033[1m"refunds"\\033[0m already exists\\n'
      exit 3
  - name: Switch over
    run: echo switched
`;

/**
 * Fills a server.
 *
 * @param {Server} server
 * @returns {Promise<Object>} the ids of what was made
 */
export async function prepare(server) {
  // Nobody makes this file: the deployment runs until its server ends.
  const go = join(server.folder, 'go');
  const web = new Repository(server, 'shop', WEB);
  const api = new Repository(server, 'orders-api', API);
  const docs = new Repository(server, 'handbook', `steps:\n  - name: Render\n    run: echo 112 pages\n  - name: Publish\n    run: |
      for n in $(seq 1 40); do printf '\\033[36mpage %02d\\033[0m is up to date\\n' "$n"; done
      until [ -e '${go}' ]; do sleep 0.1; done\n`);
  const made = {
    web: await server.createApplication(web, { description: 'The shop, for customers', trigger_spec: everyPush(), secrets: { DEPLOY_KEY: 'a' } }),
    api: await server.createApplication(api, { owner: 'platform', description: 'Orders and refunds' }),
    docs: await server.createApplication(docs, { owner: 'platform', description: 'How we work' }),
    jobs: await server.createApplication(api, { owner: 'platform', repo: 'nightly-jobs', description: 'What runs while we sleep' }),
  };
  web.commit('Let carts survive a sign-out');
  await server.finished(await server.deploy(made.web.id));
  const commit = web.commit('Show the delivery date before checkout');
  const { data } = await push(server, made.web, 'main', commit, 'Show the delivery date before checkout');
  await server.finished(data.taskId);
  await push(server, made.web, 'try/new-header', commit, 'Try another header');
  api.commit('Add refunds');
  const failed = await server.deploy(made.api.id);
  await server.finished(failed);
  docs.commit('Explain how releases are cut');
  const cancelled = await server.deploy(made.docs.id);
  await until('the step that waits', async () => (await server.task(cancelled)).steps?.some((it) => it.run === 'Publish'
    && it.status === 'running'));
  await server.api('POST', '/dispatch/cancel', { taskId: cancelled });
  await server.finished(cancelled);
  docs.commit('Say who is on call');
  const running = await server.deploy(made.docs.id);
  await until('the step that waits', async () => (await server.task(running)).steps?.some((it) => it.run === 'Publish'
    && it.status === 'running'));
  await server.api('POST', '/tokens/create', { description: 'build machine', expiration: 7_776_000_000 });
  const { result: deliveries } = await server.api('GET', `/deliveries/list?appId=${made.web.id}`);
  return { ...made, succeeded: data.taskId, failed, cancelled, running, delivery: deliveries[0].id };
}

/** Every push but to branches where something is tried. */
function everyPush() {
  return { git: { push: { branches: { precise: ['main'], include: ['release/*'], exclude: ['try/*'] } } } };
}

/** A push, told as GitHub tells it. */
export async function push(server, { id, webhookSecret }, branch, commit, message) {
  const body = JSON.stringify({
    ref: `refs/heads/${branch}`, after: commit, repository: { name: 'shop', full_name: 'acme/shop' },
    head_commit: { id: commit, message, author: { name: 'Mei Lin', email: 'mei@example.com' } },
    pusher: { name: 'Mei Lin', email: 'mei@example.com' },
  });
  const signature = createHmac('sha256', webhookSecret).update(body).digest('hex');
  const answer = await fetch(`${server.url}/api/hooks/${id}`, {
    method: 'POST', body,
    headers: { 'content-type': 'application/json', 'x-github-event': 'push', 'x-github-delivery': signature.slice(0, 32),
      'x-hub-signature-256': `sha256=${signature}` },
  });
  return answer.json();
}

/**
 * The pages of a server that `prepare` has filled.
 *
 * @returns {Array<{name: string, path: string, open: ?function(Page): Promise<void>, close: ?function(Page): Promise<void>}>}
 *   `open` does what is done on the page before it is looked at, `close` takes back what would outlast it
 */
export function pagesOf(made) {
  return [
    { name: 'applications', path: '/' },
    { name: 'new-application', path: '/applications/new' },
    { name: 'application', path: `/applications/${made.web.id}` },
    { name: 'deploy', path: `/applications/${made.web.id}`, open: (page) => page.locator('.app-head .button.primary').click() },
    { name: 'deliveries', path: `/applications/${made.web.id}/deliveries` },
    { name: 'delivery', path: `/applications/${made.web.id}/deliveries/${made.delivery}` },
    { name: 'application-settings', path: `/applications/${made.web.id}/settings` },
    { name: 'trigger-yaml', path: `/applications/${made.web.id}/settings`, open: async (page) => {
      await page.locator('.segments .button').nth(1).click();
      await page.locator('textarea.code').first().waitFor();
    } },
    { name: 'trigger-json', path: `/applications/${made.web.id}/settings`, open: (page) => page.locator('.segments .button').last().click() },
    { name: 'trigger-explained', path: `/applications/${made.web.id}/settings`, open: explain },
    { name: 'application-empty', path: `/applications/${made.jobs.id}` },
    { name: 'deliveries-empty', path: `/applications/${made.jobs.id}/deliveries` },
    { name: 'deployment', path: `/deployments/${made.succeeded}`, open: (page) => page.locator('.step-toggle').nth(2).click() },
    { name: 'log-search', path: `/deployments/${made.succeeded}`, open: async (page) => {
      await page.locator('.log-search input').fill('passing');
      await page.locator('.log-line.is-found').waitFor();
    } },
    { name: 'deployment-failed', path: `/deployments/${made.failed}`, open: (page) => page.locator('.log-line').first().waitFor() },
    { name: 'deployment-running', path: `/deployments/${made.running}`, open: (page) => page.getByText('page 40 ').waitFor() },
    { name: 'deployment-cancelled', path: `/deployments/${made.cancelled}` },
    { name: 'absent', path: '/deployments/aaaaaaaaaaaaaaaa' },
    ...['tokens', 'providers', 'secrets', 'users', 'about'].map((tab) => ({ name: `settings-${tab}`, path: `/settings/${tab}` })),
    { name: 'token-created', path: '/settings/tokens', open: createToken, close: (page) => page.unroute(MINT) },
    { name: 'connection-lost', path: '/', open: async (page) => {
      await page.context().setOffline(true);
      await page.locator('.banner.lost').waitFor();
    }, close: (page) => page.context().setOffline(false) },
    { name: 'help', path: '/', open: async (page) => {
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
    } },
  ];
}

const MINT = '**/api/flow/tokens/create';

/** What the rules make of a push to a branch that they exclude. */
async function explain(page) {
  await page.locator('.explain > summary').click();
  await page.locator('.explain input').first().fill('try/new-header');
  await page.locator('.explain .actions .button').click();
  await page.locator('.answer').waitFor();
}

/** A token that is none: those who look at the pages again find the list as it was. */
async function createToken(page) {
  await page.route(MINT, (route) => route.fulfill({ json: { success: true, data: { id: 'aaaaaaaaaaaaaaaa', cd_token: `fcd_${'0123456789abcdef'.repeat(2)}` } } }));
  await page.locator('.part-head .button').click();
  await page.locator('dialog input').fill('release script');
  await page.locator('dialog button[type="submit"]').click();
  await page.locator('dialog .copy-value').waitFor();
}
