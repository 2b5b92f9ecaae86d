/**
 * `/settings/about`: which flowcd this is.
 */

import { foreign, h } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';
import { currentUser } from '../../lib/session.js';

export default async function aboutTab(page) {
  const answer = await fetch('/version', { signal: page.signal });
  const { version, commit } = await answer.json();
  return h('section', { class: 'panel stack' },
    h('h2', {}, t('settings.about')),
    h('dl', { class: 'facts' },
      h('div', {}, h('dt', {}, t('about.version')), h('dd', {}, version)),
      h('div', {}, h('dt', {}, t('about.commit')), h('dd', {}, h('code', {}, commit))),
      h('div', {}, h('dt', {}, t('about.account')), h('dd', {}, foreign(currentUser()?.username)))),
    h('p', {}, h('a', { href: '/docs/' }, t('about.docs'))));
}
