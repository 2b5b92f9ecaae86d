/**
 * Short notes at the edge of the page, read out by screen readers.
 */

import { h, icon, sentence } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { errorText } from './error-panel.js';

const SHOW_MS = 5000;
const SHOW_ERROR_MS = 12_000;

/**
 * @param {string} text
 * @param {'success'|'failure'} [kind]
 */
export function toast(text, kind = 'success') {
  const element = h('div', { class: ['toast', kind] },
    icon(kind),
    h('span', {}, sentence(text)),
    h('button', { class: 'icon-button', type: 'button', 'aria-label': t('action.close'), onclick: () => element.remove() },
      icon('close')));
  document.getElementById('toasts').append(element);
  setTimeout(() => element.remove(), kind === 'failure' ? SHOW_ERROR_MS : SHOW_MS);
}

/** @param {Error} error */
export function errorToast(error) {
  const id = error.requestId ? ` (${t('error.requestId')} ${error.requestId})` : '';
  toast(errorText(error) + id, 'failure');
}
