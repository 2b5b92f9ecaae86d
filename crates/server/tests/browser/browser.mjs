/**
 * Chromium, and pages that notice whatever should not happen in them.
 */

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { PASSWORD } from './server.mjs';

const MODULES = process.env.FLOWCD_BROWSER_MODULES;
if (!MODULES) {
  throw new Error('FLOWCD_BROWSER_MODULES does not name the folder of the packages: use `cargo xtask test browser`');
}
const packages = createRequire(join(MODULES, 'package.json'));
const { chromium } = packages('playwright-core');
const { source: AXE } = packages('axe-core');

const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const PLACES = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => ['/usr/local/bin', '/usr/bin', '/bin'].map((folder) => join(folder, name)));
const PATIENCE_MS = 30_000;

/** A phone. */
export const PHONE = { width: 375, height: 720 };
/** A screen. */
export const SCREEN = { width: 1280, height: 800 };

export class Browser {
  #browser;
  #server;

  /**
   * Starts Chromium with a profile of its own.
   *
   * @param {Server} server whose pages are looked at
   * @returns {Promise<Browser>}
   */
  static async start(server) {
    const executablePath = PLACES.find((path) => existsSync(path));
    if (!executablePath) {
      throw new Error(`there is no Chromium: neither of ${PLACES.join(', ')}`);
    }
    const browser = new Browser();
    browser.#server = server;
    browser.#browser = await chromium.launch({ executablePath, args: ARGUMENTS, headless: true });
    return browser;
  }

  /** Ends it. */
  async end() {
    await this.#browser?.close();
  }

  /**
   * A page without a session.
   *
   * @param {Object} [options] of the browser's context
   * @returns {Promise<Visit>}
   */
  async visit(options = {}) {
    const context = await this.#browser.newContext({ baseURL: this.#server.url, locale: 'en-US', viewport: SCREEN,
      colorScheme: 'light', ...options });
    context.setDefaultTimeout(PATIENCE_MS);
    return new Visit(context, await context.newPage());
  }

  /**
   * A page of `admin`.
   *
   * @param {Object} [options] of the browser's context
   * @returns {Promise<Visit>}
   */
  async admin(options) {
    const visit = await this.visit(options);
    const answer = await visit.context.request.post('/api/flow/auth/account/login', {
      // The server may close a connection of the page before at the moment that it is used again.
      maxRetries: 3,
      data: { username: 'admin', password: PASSWORD },
    });
    if (!answer.ok()) {
      throw new Error(`cannot sign in: ${answer.status()}`);
    }
    return visit;
  }
}

/** A page, with what went wrong in it. */
export class Visit {
  /** Errors of scripts, violations of the policy of the page, and dialogs that a script opened. */
  problems = [];

  constructor(context, page) {
    this.context = context;
    this.page = page;
    page.on('pageerror', (error) => this.problems.push(`error: ${error.stack ?? error}`));
    page.on('console', (message) => {
      // An answer like 401 is no mistake of the page; Chromium tells of it all the same.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
        this.problems.push(`console: ${message.text()}`);
      }
    });
    page.on('dialog', (dialog) => {
      // The browser's own question before a page is closed is for a test to expect.
      if (dialog.type() !== 'beforeunload') {
        this.problems.push(`dialog: ${dialog.message()}`);
      }
      dialog.dismiss().catch(() => {});
    });
  }

  /** Runs axe in it, as it stands. */
  async axe() {
    await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
    return violations;
  }

  /** Closes it, and fails when anything went wrong in it. */
  async close() {
    await this.context.close();
    if (this.problems.length > 0) {
      throw new Error(`the page had problems:\n${this.problems.join('\n')}`);
    }
  }
}
