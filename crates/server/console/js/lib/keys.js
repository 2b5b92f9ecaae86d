/**
 * The keyboard: `/` searches, `g a` and `g s` go places, `?` helps.
 */

import { navigate } from './router.js';

/** How long the second key of two may be in coming. */
const SECOND_KEY_MS = 1200;

const PLACES = { a: '/', n: '/applications/new', s: '/settings', t: '/settings/tokens' };

/**
 * Begins to listen to the keyboard.
 *
 * @param {function(): void} showHelp
 */
export function startKeys(showHelp) {
  let goUntil = 0;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector('dialog[open]')) {
      return;
    }
    const isSecond = Date.now() < goUntil;
    goUntil = 0;
    if (isSecond && event.key in PLACES) {
      event.preventDefault();
      navigate(PLACES[event.key]);
    } else if (event.key === 'g') {
      goUntil = Date.now() + SECOND_KEY_MS;
    } else if (event.key === '?') {
      event.preventDefault();
      showHelp();
    } else if (event.key === '/') {
      const search = document.querySelector('main input[type="search"]');
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    }
  });
}

function isTyping(target) {
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}
