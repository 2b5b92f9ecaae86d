/**
 * Pictures of every page, in both themes and both languages, and of some on a phone: into the folder that is named by
 * the first argument.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { Browser, PHONE, SCREEN } from './browser.mjs';
import { pagesOf, prepare } from './sample.mjs';
import { Server } from './server.mjs';

const folder = process.argv[2];
mkdirSync(folder, { recursive: true });
const ON_PHONE = ['login', 'applications', 'application', 'deployment-failed', 'settings-tokens', 'settings-about', 'new-application', 'application-settings'];

const server = await Server.start();
let browser;
let n = 0;
try {
  browser = await Browser.start(server);
  const pages = pagesOf(await prepare(server));
  for (const [language, locale] of [['en', 'en-US'], ['zh', 'zh-CN']]) {
    for (const colorScheme of ['light', 'dark']) {
      await take(`${language}-${colorScheme}`, pages, { locale, colorScheme, viewport: SCREEN });
    }
  }
  const onPhone = pages.filter(({ name }) => ON_PHONE.includes(name));
  await take('en-light-phone', onPhone, { locale: 'en-US', viewport: PHONE, isMobile: true, hasTouch: true });
  await take('zh-dark-phone', onPhone, { locale: 'zh-CN', colorScheme: 'dark', viewport: PHONE, isMobile: true, hasTouch: true });
  console.log(`${n} pictures are in ${folder}`);
} finally {
  await browser?.end();
  await server.end();
}

async function take(kind, pages, options) {
  const stranger = await browser.visit(options);
  await shoot(stranger.page, `login-${kind}`, { path: '/login' });
  await stranger.close();
  const visit = await browser.admin(options);
  for (const page of pages) {
    await shoot(visit.page, `${page.name}-${kind}`, page);
  }
  await visit.close();
}

async function shoot(page, name, { path, open, close }) {
  await page.goto(path);
  await page.locator('#page:not([aria-busy]) h1').first().waitFor();
  await open?.(page);
  await page.waitForFunction(() => performance.getEntriesByType('resource').some((it) => it.name.includes('/sprite.svg') && it.responseEnd > 0));
  // The frame stands where the page is scrolled to.
  await page.evaluate(() => scrollTo(0, 0));
  await page.mouse.move(0, 0);
  await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', caret: 'hide', fullPage: true });
  await close?.(page);
  n += 1;
}
