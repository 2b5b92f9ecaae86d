/**
 * What starts a deployment, as a simple choice with the whole editor behind it: for the form that makes an application.
 */

import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { triggerEditor } from '../trigger/editor.js';
import { field, FieldError, radios } from './field.js';

/**
 * @param {function(): string} provider the application's, as it is chosen by now
 * @returns {{element: HTMLElement, value: function(): Promise<Object>, place: function(Error): boolean}} `value` gives a
 *   `trigger_spec`; `place` shows an error at the rule that it is about, and says whether there is one
 */
export function triggerChoice(provider) {
  let choice = 'none';
  const patterns = h('textarea', { class: 'code', rows: 3, spellcheck: 'false', value: 'main' });
  const patternField = field({ name: 'trigger_spec', label: t('trigger.patterns'), control: patterns, hint: t('trigger.patterns.hint') });
  const editor = triggerEditor({ provider, trigger: { push: { branches: { precise: ['main'] } } } });
  const element = h('div', { class: 'form-section' },
    radios({
      label: t('new.trigger'),
      name: 'trigger',
      value: choice,
      options: ['none', 'all', 'branches', 'custom'].map((it) => ({ value: it, label: t(`trigger.${it}`) })),
      onchange: (value) => {
        choice = value;
        show();
      },
    }),
    patternField,
    editor.element);
  show();

  function show() {
    patternField.hidden = choice !== 'branches';
    editor.element.hidden = choice !== 'custom';
  }

  async function value() {
    if (choice === 'custom') {
      return editor.value();
    }
    if (choice === 'none') {
      return {};
    }
    // An empty list of prefixes that is written out means every name.
    const branches = choice === 'all' ? { prefix: [] } : split(patterns.value);
    return { [provider()]: { push: { branches } } };
  }
  return { element, value, place: (error) => choice === 'custom' && editor.place(error) };
}

function split(text) {
  const names = text.split(/[\n,]/).map((it) => it.trim()).filter(Boolean);
  if (names.length === 0) {
    throw new FieldError('trigger_spec', t('trigger.patterns.missing'));
  }
  const isGlob = (name) => /[*?[\]{}!]/.test(name);
  return { precise: names.filter((it) => !isGlob(it)), include: names.filter(isGlob) };
}
