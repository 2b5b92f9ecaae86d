/**
 * Dialogs. The browser's own `dialog` keeps the focus inside, and gives it back.
 */

import { foreign, freshId, h, icon } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { field, form, FieldError } from './field.js';

/**
 * Opens a dialog.
 *
 * @param {{title: string, content: Node|Array, isWide?: boolean, isClosable?: boolean, onClose?: function(): void}} options
 * @returns {{element: HTMLDialogElement, close: function(): void}}
 */
export function openDialog({ title, content, isWide, isClosable = true, onClose }) {
  const id = freshId('dialog');
  const element = h('dialog', { class: ['dialog', isWide && 'wide'], 'aria-labelledby': id },
    h('header', { class: 'dialog-head' },
      h('h2', { id }, title),
      isClosable && h('button', { class: 'icon-button', type: 'button', 'aria-label': t('action.close'), onclick: close },
        icon('close'))),
    h('div', { class: 'dialog-body' }, content));
  element.addEventListener('cancel', (event) => {
    if (!isClosable) {
      event.preventDefault();
    }
  });
  element.addEventListener('close', () => {
    element.remove();
    onClose?.();
  });
  document.body.append(element);
  element.showModal();

  function close() {
    element.close();
  }
  return { element, close };
}

/**
 * Asks before something is done.
 *
 * @param {{title: string, text: string|Node|Array, action: string, isDangerous?: boolean, typed?: string,
 *   run: function(): Promise<void>}} options `typed` is a name that must be typed first; `run` does it: what it throws
 *   is shown in the dialog, which then stays
 * @returns {Promise<boolean>} whether it was done
 */
export function confirmDialog({ title, text, action, isDangerous, typed, run }) {
  return new Promise((resolve) => {
    let isDone = false;
    const input = typed && h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false' });
    const content = form({
      isPassing: true,
      submit: async () => {
        if (typed && input.value.trim() !== typed) {
          throw new FieldError('typed', t('confirm.typed.wrong'));
        }
        await run();
        isDone = true;
        dialog.close();
      },
    },
    h('div', { class: 'prose' }, text),
    typed && field({ name: 'typed', label: t('confirm.typed'), control: input, hint: foreign(typed, { class: 'mono' }) }),
    h('div', { class: 'actions end' },
      h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.back')),
      h('button', { class: ['button', isDangerous ? 'danger' : 'primary'], type: 'submit', autofocus: !typed }, action)));
    const dialog = openDialog({ title, content, onClose: () => resolve(isDone) });
  });
}
