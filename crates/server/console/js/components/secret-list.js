/**
 * Secrets by their names: values go in, and never come out.
 */

import { fill, foreign, h, icon } from '../lib/dom.js';
import { t, tNodes } from '../lib/i18n.js';
import { confirmDialog, openDialog } from './dialog.js';
import { field, FieldError, form } from './field.js';
import { thing, things } from './thing.js';
import { errorToast, toast } from './toast.js';

/**
 * @param {{label: string, names: Array<string>, empty: string, hint?: string, set: function(string, string): Promise,
 *   drop: function(string): Promise, reload: function(): Promise<Array<string>>}} options
 * @returns {{list: HTMLElement, button: HTMLElement}} the list, and the button that adds to it
 */
export function secretList({ label, names, empty, set, drop, reload }) {
  const list = h('div', {});
  const button = h('button', { class: 'button', type: 'button', onclick: () => ask('') }, icon('plus'), t('secrets.add'));
  draw(names);

  function draw(found) {
    fill(list, things({ label, empty, items: found.toSorted().map(row) }));
  }

  async function again() {
    try {
      draw(await reload());
    } catch (error) {
      errorToast(error);
    }
  }

  function row(name) {
    return thing({
      picture: 'key',
      title: foreign(name, { class: 'mono' }),
      actions: [
        h('button', { class: 'button small', type: 'button', 'aria-label': t('secrets.replaceWhat', { name }), onclick: () => ask(name) },
          t('secrets.replace')),
        h('button', { class: 'button small', type: 'button', 'aria-label': t('secrets.removeWhat', { name }), onclick: () => confirm(name) },
          t('action.remove')),
      ],
    });
  }

  function ask(given) {
    const name = h('input', { type: 'text', class: 'code', autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', maxlength: 128,
      value: given, readOnly: given !== '', autofocus: given === '' });
    const value = h('textarea', { class: 'code', rows: 4, autocomplete: 'off', spellcheck: 'false', autofocus: given !== '' });
    const dialog = openDialog({
      title: given ? t('secrets.replaceWhat', { name: given }) : t('secrets.add'),
      content: form({
        class: 'stack',
        submit: async () => {
          const key = name.value.trim();
          if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(key)) {
            throw new FieldError('name', key ? t('pairs.badName', { name: key }) : t('pairs.noName'));
          }
          if (!value.value) {
            throw new FieldError('value', t('secrets.value.missing'));
          }
          await set(key, value.value).catch((error) => {
            // Whatever it names is the value of this one.
            error.field &&= 'value';
            throw error;
          });
          dialog.close();
          toast(t('form.saved'));
          await again();
        },
      },
      field({ name: 'name', label: t('pairs.name'), control: name, hint: t('secrets.name.hint', { example: 'secrets.NAME' }) }),
      field({ name: 'value', label: t('pairs.value'), control: value, hint: t('secrets.value.hint') }),
      h('div', { class: 'actions end' },
        h('button', { class: 'button', type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
        h('button', { class: 'button primary', type: 'submit' }, t('action.save')))),
    });
  }

  async function confirm(name) {
    const isDone = await confirmDialog({
      title: t('secrets.removeWhat', { name }),
      text: h('p', {}, tNodes('secrets.remove.text', { name: foreign(name, { class: 'mono' }) })),
      action: t('action.remove'),
      isDangerous: true,
      run: () => drop(name),
    });
    if (isDone) {
      await again();
    }
  }
  return { list, button };
}
