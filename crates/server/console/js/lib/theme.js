/**
 * Dark and light. What was chosen is set by `early.js` before the first paint.
 */

import { remember } from './remember.js';

const KEY = 'flowcd.theme';

/** The choices, in the order the switch goes through them. */
export const THEMES = ['system', 'light', 'dark'];

/** @returns {string} one of `THEMES` */
export function theme() {
  return document.documentElement.dataset.theme ?? 'system';
}

/**
 * Changes the theme, and remembers it.
 *
 * @param {string} name one of `THEMES`
 */
export function setTheme(name) {
  if (name === 'system') {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = name;
  }
  remember(KEY, name);
}
