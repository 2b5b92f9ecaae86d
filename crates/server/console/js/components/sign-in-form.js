/**
 * Signing in: on the page of its own, and in a dialog when a session has ended.
 */

import { signIn } from '../lib/api.js';
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { openDialog } from './dialog.js';
import { field, FieldError, form } from './field.js';

/**
 * The form.
 *
 * @param {{username?: string, onDone: function(): Promise<void>}} options
 * @returns {HTMLFormElement}
 */
export function signInForm({ username = '', onDone }) {
  const name = h('input', { type: 'text', name: 'username', autocomplete: 'username', autocapitalize: 'none',
    spellcheck: 'false', value: username, required: true, autofocus: !username });
  const password = h('input', { type: 'password', name: 'password', autocomplete: 'current-password', required: true,
    autofocus: Boolean(username) });
  return form({
    class: 'stack',
    label: t('login.title'),
    isPassing: true,
    submit: async () => {
      if (!name.value.trim()) {
        throw new FieldError('username', t('login.username.missing'));
      }
      if (!password.value) {
        throw new FieldError('password', t('login.password.missing'));
      }
      try {
        await signIn(name.value.trim(), password.value);
      } catch (error) {
        password.select();
        if (error.status === 401) {
          error.message = t('login.wrong');
          error.code = 'WrongPassword';
        }
        throw error;
      }
      await onDone();
    },
  },
  field({ name: 'username', label: t('login.username'), control: name }),
  field({ name: 'password', label: t('login.password'), control: password }),
  h('div', { class: 'actions' }, h('button', { class: 'button primary wide', type: 'submit' }, t('login.submit'))));
}

/**
 * Asks to sign in again over the page, which stays as it is.
 *
 * @param {string} username who was signed in
 * @returns {Promise<void>} resolved when somebody is signed in
 */
export function sessionDialog(username) {
  return new Promise((resolve) => {
    const content = h('div', { class: 'stack' },
      h('p', { class: 'muted' }, t('login.expired.text')),
      signInForm({
        username,
        onDone: async () => {
          dialog.close();
          resolve();
        },
      }));
    const dialog = openDialog({ title: t('login.expired.title'), content, isClosable: false });
  });
}
