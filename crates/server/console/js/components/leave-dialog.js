/**
 * Asks before what was typed is lost.
 */

import { h, visible } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { unsavedForms } from '../lib/unsaved.js';
import { openDialog } from './dialog.js';

let asking = null;

/** @returns {boolean} whether the question is on the page */
export function isAskingToLeave() {
  return asking !== null;
}

/**
 * Asks whether the page may be left, where something on it is not saved.
 *
 * @returns {Promise<boolean>}
 */
export async function mayLeave() {
  if (asking) {
    return false;
  }
  const forms = unsavedForms();
  if (forms.length === 0) {
    return true;
  }
  asking = ask(forms);
  const isLeaving = await asking;
  asking = null;
  if (isLeaving) {
    forms.forEach((it) => it.closest('dialog')?.close());
  }
  return isLeaving;
}

function ask(forms) {
  return new Promise((resolve) => {
    let isLeaving = false;
    const names = [...new Set(forms.map(nameOf).filter(Boolean))];
    const dialog = openDialog({
      title: t('leave.title'),
      content: [
        h('div', { class: 'prose' },
          h('p', {}, t('leave.text')),
          names.length > 0 && h('ul', {}, names.map((name) => h('li', {}, visible(name))))),
        h('div', { class: 'actions end' },
          h('button', { class: 'button danger', type: 'button', onclick: () => {
            isLeaving = true;
            dialog.close();
          } }, t('leave.leave')),
          h('button', { class: 'button primary', type: 'button', autofocus: true, onclick: () => dialog.close() }, t('leave.stay'))),
      ],
      onClose: () => resolve(isLeaving),
    });
  });
}

function nameOf(form) {
  return form.getAttribute('aria-label') ?? form.closest('dialog')?.querySelector('h2')?.textContent;
}
