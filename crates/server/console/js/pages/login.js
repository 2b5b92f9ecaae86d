/**
 * `/login`: the page to sign in.
 */

import { signInForm } from '../components/sign-in-form.js';
import { h, icon } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { isPage, navigate } from '../lib/router.js';
import { reloadUser } from '../lib/session.js';

export default async function loginPage(page) {
  page.title(t('login.title'));
  return h('section', { class: 'login' },
    h('div', { class: 'login-head' }, icon('logo', 'big'), h('h1', {}, t('login.welcome'))),
    h('div', { class: 'panel' }, signInForm({
      onDone: async () => {
        await reloadUser();
        await navigate(destination(page.query.get('next')), { isReplacing: true });
      },
    })),
    h('p', { class: 'muted small center' }, t('login.hint')));
}

/** Only ever a page of the console. */
function destination(next) {
  try {
    const url = new URL(next ?? '/', location.origin);
    const isOurs = url.origin === location.origin && isPage(url.pathname) && url.pathname !== '/login';
    return isOurs ? url.pathname + url.search + url.hash : '/';
  } catch {
    return '/';
  }
}
