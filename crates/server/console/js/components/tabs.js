/**
 * Tabs that are pages, each with its own address.
 */

import { h } from '../lib/dom.js';

/**
 * @param {{label: string, items: Array<{href: string, text: string, isCurrent: boolean}>, isSide?: boolean}} options
 * @returns {HTMLElement}
 */
export function tabs({ label, items, isSide }) {
  const element = h('nav', { class: isSide ? 'side' : 'tabs', 'aria-label': label }, items.map(({ href, text, isCurrent }) =>
    h('a', { href, 'aria-current': isCurrent ? 'page' : null }, text)));
  new ResizeObserver((_, observer) => {
    // Where they do not fit side by side, the present one is in sight.
    const current = element.querySelector('[aria-current]');
    element.scrollLeft = (current?.offsetLeft ?? 0) - (element.clientWidth - (current?.offsetWidth ?? 0)) / 2;
    observer.disconnect();
  }).observe(element);
  return element;
}
