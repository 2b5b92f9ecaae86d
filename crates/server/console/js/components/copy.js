/**
 * Copying: a button, and a value with its button.
 */

import { h, icon } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { toast } from './toast.js';

const SHOW_DONE_MS = 2000;

/**
 * @param {string} text what is copied
 * @param {string} label what it is, for screen readers
 * @returns {HTMLElement}
 */
export function copyButton(text, label) {
  const button = h('button', { class: 'icon-button copy', type: 'button', 'aria-label': t('action.copyWhat', { what: label }),
    title: t('action.copy'), onclick: copy }, icon('copy'));

  async function copy() {
    if (await copyText(text)) {
      button.replaceChildren(icon('check'));
      setTimeout(() => button.replaceChildren(icon('copy')), SHOW_DONE_MS);
      toast(t('action.copied', { what: label }));
    } else {
      toast(t('action.notCopied'), 'failure');
    }
  }
  return button;
}

/** Where the page came by plain HTTP, browsers only have the old way. */
async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h('textarea', { class: 'off-screen', value: text, 'aria-hidden': 'true' });
    const host = document.querySelector('dialog[open]') ?? document.body;
    host.append(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    return isCopied;
  }
}

/**
 * A value to take along, in full, with its button.
 *
 * @param {{label: string, value: string}} options
 * @returns {HTMLElement}
 */
export function copyField({ label, value }) {
  return h('div', { class: 'copy-field' },
    h('div', { class: 'label' }, label),
    h('div', { class: 'copy-value' }, h('code', {}, value), copyButton(value, label)));
}

/**
 * Commands to run, with a button that copies them.
 *
 * @param {{label: string, text: string}} options
 * @returns {HTMLElement}
 */
export function commandBlock({ label, text }) {
  return h('figure', { class: 'command' },
    h('figcaption', {}, label, copyButton(text, label)),
    h('pre', { tabindex: '0' }, h('code', {}, text)));
}
