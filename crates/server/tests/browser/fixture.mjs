/**
 * What a file of tests needs: a server, a browser, and their end.
 */

import { after, before } from 'node:test';

import { Browser } from './browser.mjs';
import { Server } from './server.mjs';

/** So much of a page is told when a test fails. */
const SEEN = 3000;

/**
 * To be called at the top of a file of tests.
 *
 * @param {{options?: string[], prepare?: function(Server): Promise<void>}} [settings] other flags of the server, and
 *   what is made on it before the first test
 * @returns {{server: Server, browser: Browser, visit: function(string, function): Promise<void>,
 *   admin: function(string, function): Promise<void>}} filled before the first test; `visit` and `admin` open a path and
 *   close the page at the end
 */
export function fixture({ options, prepare } = {}) {
  const found = {};
  before(async () => {
    found.server = await Server.start(options);
    found.browser = await Browser.start(found.server);
    await prepare?.(found.server);
  });
  after(async () => {
    await found.browser?.end();
    await found.server?.end();
  });

  async function look(visit, path, work) {
    try {
      await visit.page.goto(path);
      await work(visit.page, visit);
    } catch (error) {
      const seen = await visit.page.locator('body').innerText({ timeout: 1000 }).catch(() => '');
      const where = visit.page.url();
      await visit.context.close();
      throw new Error(`${error.message}\n\nThe page at ${where} says:\n${seen.slice(0, SEEN)}\n${visit.problems.join('\n')}`, { cause: error });
    }
    await visit.close();
  }

  found.visit = async (path, work, contextOptions) => look(await found.browser.visit(contextOptions), path, work);
  found.admin = async (path, work, contextOptions) => look(await found.browser.admin(contextOptions), path, work);
  return found;
}
