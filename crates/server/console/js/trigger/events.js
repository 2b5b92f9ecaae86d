/**
 * An event of the host with an expression: the older form of rules.
 */

import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { codeInput, fieldAt, linesInput, moreOf } from './path.js';

/**
 * @param {Object} rule
 * @returns {{element: HTMLElement, value: function(): Object}}
 */
export function eventEditor(rule) {
  const name = codeInput(rule.eventName, { placeholder: 'push' });
  const filter = linesInput(rule.filter?.split('\n'), { rows: 2, placeholder: 'body.ref in ["refs/heads/main"]' });
  const more = moreOf(rule, { hasPaths: true });
  return {
    element: h('div', { class: 'stack' },
      fieldAt('eventName', { label: t('trigger.event.name'), control: name, hint: t('trigger.event.name.hint') }),
      fieldAt('filter', { label: t('trigger.event.filter'), control: filter, hint: t('trigger.event.filter.hint'), isOptional: true }),
      more.element),
    value: () => ({
      eventName: name.value.trim(),
      ...(filter.value.trim() ? { filter: filter.value.trim() } : {}),
      ...more.value(),
    }),
  };
}
