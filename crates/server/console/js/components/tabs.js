/**
 * Tabs that are pages, each with its own address.
 */

import { h } from '../lib/dom.js';

/**
 * @param {{label: string, items: Array<{href: string, text: string, isCurrent: boolean}>, isSide?: boolean}} options
 * @returns {HTMLElement}
 */
export function tabs({ label, items, isSide }) {
  return h('nav', { class: isSide ? 'side' : 'tabs', 'aria-label': label }, items.map(({ href, text, isCurrent }) =>
    h('a', { href, 'aria-current': isCurrent ? 'page' : null }, text)));
}
