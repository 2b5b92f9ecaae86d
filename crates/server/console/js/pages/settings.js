/**
 * `/settings/..`: the frame of the settings; each tab is a module of its own in `settings/`.
 */

import { tabs } from '../components/tabs.js';
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { currentUser } from '../lib/session.js';

/** The tabs: the name in the address, and the module with `export default async (page) => Node`. */
const TABS = {
  tokens: () => import('./settings/tokens.js'),
  providers: () => import('./settings/providers.js'),
  secrets: () => import('./settings/secrets.js'),
  users: () => import('./settings/users.js'),
  about: () => import('./settings/about.js'),
};

export default async function settingsPage(page) {
  const tab = page.params.tab ?? 'tokens';
  page.title(`${t(`settings.${tab}`)} · ${t('settings.title')}`);
  const { default: content } = await TABS[tab]();
  const names = Object.keys(TABS).filter((name) => name !== 'users' || currentUser()?.isAdmin);
  return h('div', {},
    h('div', { class: 'page-head' }, h('h1', {}, t('settings.title'))),
    h('div', { class: 'settings' },
      tabs({
        label: t('settings.title'),
        isSide: true,
        items: names.map((name) => ({
          href: `/settings/${name}`, text: t(`settings.${name}`), isCurrent: name === tab,
        })),
      }),
      h('div', {}, await content(page))));
}
