/**
 * Lines of a name and a value: secrets and variables.
 */

import { h, icon } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { FieldError } from './field.js';

/**
 * @param {{name: string, isSecret?: boolean, pairs?: Array<[string, string]>}} options `name` is the field in the API,
 *   for errors
 * @returns {{element: HTMLElement, value: function(): Object<string, string>}} `value` throws a `FieldError` for names
 *   that are none
 */
export function pairsEditor({ name: fieldName, isSecret = false, pairs = [] }) {
  const lines = h('div', {});
  const element = h('div', { class: 'field', 'data-field': fieldName },
    lines,
    h('div', {}, h('button', { class: 'button small', type: 'button', onclick: () => addLine('', '').querySelector('input').focus() },
      icon('plus'), t('pairs.add'))),
    h('div', { class: 'field-error', 'aria-live': 'polite' }));
  pairs.forEach(([name, value]) => addLine(name, value));

  function addLine(name, value) {
    const nameInput = h('input', { type: 'text', class: 'code', placeholder: t('pairs.name'), 'aria-label': t('pairs.name'),
      autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', value: name });
    const valueInput = h('input', { type: isSecret ? 'password' : 'text', class: 'code', placeholder: t('pairs.value'),
      'aria-label': t('pairs.value'), autocomplete: isSecret ? 'new-password' : 'off', spellcheck: 'false', value });
    const line = h('div', { class: 'pair' }, nameInput, valueInput,
      h('button', { class: 'icon-button', type: 'button', title: t('action.remove'), 'aria-label': t('pairs.remove', { name }),
        onclick: () => line.remove() }, icon('trash')));
    lines.append(line);
    return line;
  }

  function value() {
    const found = {};
    for (const line of lines.children) {
      const [name, text] = [...line.querySelectorAll('input')].map((input) => input.value);
      if (!name.trim() && !text) {
        continue;
      }
      found[checkName(name.trim(), found, fieldName)] = text;
    }
    return found;
  }
  return { element, value };
}

function checkName(name, found, fieldName) {
  if (!name) {
    throw new FieldError(fieldName, t('pairs.noName'));
  }
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) {
    throw new FieldError(fieldName, t('pairs.badName', { name }));
  }
  if (name in found) {
    throw new FieldError(fieldName, t('pairs.twice', { name }));
  }
  return name;
}
