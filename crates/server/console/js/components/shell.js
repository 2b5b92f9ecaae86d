/**
 * The frame of every page: the name, the places to go, the language, the theme, the user.
 */

import { fill, foreign, h, icon } from '../lib/dom.js';
import { language, LANGUAGES, setLanguage, t } from '../lib/i18n.js';
import { navigate, refresh } from '../lib/router.js';
import { currentUser, endSession, userChanged } from '../lib/session.js';
import { setTheme, theme, THEMES } from '../lib/theme.js';
import { showHelp } from './help.js';
import { mayLeave } from './leave-dialog.js';
import { errorToast } from './toast.js';

const THEME_ICONS = { system: 'auto', light: 'sun', dark: 'moon' };

let place = null;

/** Shows the frame, and keeps it true. */
export function showShell() {
  userChanged.listen(draw);
  draw();
}

/**
 * Marks where in the navigation the page is.
 *
 * @param {?string} name
 */
export function markPlace(name) {
  place = name;
  for (const link of document.querySelectorAll('#top [data-place]')) {
    if (link.dataset.place === name) {
      link.setAttribute('aria-current', 'page');
    } else {
      link.removeAttribute('aria-current');
    }
  }
}

function draw() {
  const user = currentUser();
  fill(document.getElementById('top'),
    h('a', { class: 'skip', href: '#page', onclick: skip }, t('nav.skip')),
    h('div', { class: 'top-inner' },
      h('a', { class: 'brand', href: '/', 'aria-label': t('nav.home') }, icon('logo'), h('span', {}, 'flowcd')),
      user && h('nav', { class: 'top-nav', 'aria-label': t('nav.main') },
        navLink('applications', '/', t('nav.applications')),
        navLink('settings', '/settings', t('nav.settings')),
        h('a', { href: '/docs/', class: 'wide-only' }, t('nav.docs'))),
      h('div', { class: 'top-tools' },
        h('button', { class: 'icon-button wide-only', type: 'button', 'aria-label': t('help.open'), title: t('help.open'),
          onclick: showHelp }, icon('help')),
        languageSwitch(),
        themeSwitch(),
        user && h('span', { class: 'who wide-only', title: t('nav.user') }, icon('user'), foreign(user.username)),
        user && h('button', { class: 'icon-button', type: 'button', 'aria-label': t('nav.signOut'), title: t('nav.signOut'),
          onclick: signOut }, icon('sign-out')))));
  markPlace(place);
}

function navLink(name, href, text) {
  return h('a', { href, 'data-place': name }, text);
}

function skip(event) {
  event.preventDefault();
  document.getElementById('page').focus();
}

function languageSwitch() {
  const names = Object.keys(LANGUAGES);
  const next = names[(names.indexOf(language()) + 1) % names.length];
  return h('button', { class: 'icon-button text', type: 'button', lang: next, title: LANGUAGES[next],
    'aria-label': t('nav.language', { name: LANGUAGES[next] }), id: 'language-switch',
    onclick: async () => {
      // The page is made anew.
      if (!await mayLeave()) {
        return;
      }
      await setLanguage(next);
      draw();
      document.getElementById('language-switch').focus();
      await refresh();
    } }, next === 'zh' ? '中' : 'EN');
}

function themeSwitch() {
  const now = theme();
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  const label = t('nav.theme', { now: t(`theme.${now}`), next: t(`theme.${next}`) });
  return h('button', { class: 'icon-button', type: 'button', 'aria-label': label, title: label, id: 'theme-switch',
    onclick: () => {
      setTheme(next);
      draw();
      document.getElementById('theme-switch').focus();
    } }, icon(THEME_ICONS[now]));
}

async function signOut() {
  try {
    if (!await mayLeave()) {
      return;
    }
    await endSession();
    await navigate('/login', { isAsking: false });
  } catch (error) {
    errorToast(error);
  }
}
