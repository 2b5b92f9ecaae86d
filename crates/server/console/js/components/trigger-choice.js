/**
 * What starts a deployment, as a simple choice: for the form that makes an application.
 *
 * The full editor of triggers stands in the settings of an application. Whatever stands here has the same three parts:
 * `element`, `value(provider)` for `trigger_spec`, which throws a `FieldError`, and nothing else.
 */

import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { field, FieldError, radios } from './field.js';

/**
 * @returns {{element: HTMLElement, value: function(string): Object}} `value` takes the provider, and gives a
 *   `trigger_spec`
 */
export function triggerChoice() {
  let choice = 'none';
  const patterns = h('textarea', { class: 'code', rows: 3, spellcheck: 'false', value: 'main' });
  const patternField = field({ name: 'trigger_spec', label: t('trigger.patterns'), control: patterns, hint: t('trigger.patterns.hint') });
  patternField.hidden = true;
  const element = h('div', { class: 'form-section' },
    radios({
      label: t('new.trigger'),
      name: 'trigger',
      value: choice,
      options: ['none', 'all', 'branches'].map((it) => ({ value: it, label: t(`trigger.${it}`) })),
      onchange: (value) => {
        choice = value;
        patternField.hidden = choice !== 'branches';
      },
    }),
    patternField);

  function value(provider) {
    if (choice === 'none') {
      return {};
    }
    // An empty list of prefixes that is written out means every name.
    const branches = choice === 'all' ? { prefix: [] } : split(patterns.value);
    return { [provider]: { push: { branches } } };
  }
  return { element, value };
}

function split(text) {
  const names = text.split(/[\n,]/).map((it) => it.trim()).filter(Boolean);
  if (names.length === 0) {
    throw new FieldError('trigger_spec', t('trigger.patterns.missing'));
  }
  const isGlob = (name) => /[*?[\]{}!]/.test(name);
  return { precise: names.filter((it) => !isGlob(it)), include: names.filter(isGlob) };
}
