/**
 * Lists of things that one has: each with its facts and what can be done with it.
 */

import { h, icon } from '../lib/dom.js';

/**
 * A line of a list.
 *
 * @param {{picture?: string, title: Node|string, facts?: Array, actions?: Array}} options
 * @returns {HTMLLIElement}
 */
export function thing({ picture, title, facts = [], actions = [] }) {
  return h('li', { class: 'thing' },
    picture && icon(picture, 'muted'),
    h('div', { class: 'thing-main' },
      h('div', { class: 'thing-title' }, title),
      facts.some(Boolean) && h('div', { class: 'row-line small' }, facts)),
    actions.some(Boolean) && h('div', { class: 'actions' }, actions));
}

/**
 * The list, with a word in its place while it is empty.
 *
 * @param {{label: string, items: Array<Node>, empty: string|Node}} options
 * @returns {HTMLUListElement}
 */
export function things({ label, items, empty }) {
  return h('ul', { class: 'rows', 'aria-label': label },
    items.length > 0 ? items : h('li', { class: 'empty-row muted' }, empty));
}

/**
 * A part of a page: its name, what it is for, and what can be made there.
 *
 * @param {{title: string, hint?: string|Node|Array, tools?: Node|Array}} options
 * @returns {HTMLElement}
 */
export function partHead({ title, hint, tools }) {
  return h('div', { class: 'part-head' },
    h('div', { class: 'part-title' }, h('h2', {}, title), tools && h('div', { class: 'tools' }, tools)),
    hint && h('p', { class: 'muted' }, hint));
}
