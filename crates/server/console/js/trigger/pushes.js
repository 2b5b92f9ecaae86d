/**
 * Which pushes: branches and tags.
 */

import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { moreOf } from './path.js';
import { patternsEditor } from './patterns.js';

/**
 * @param {Object} rule
 * @returns {{element: HTMLElement, value: function(): Object}}
 */
export function pushesEditor(rule) {
  const branches = patternsEditor({ path: 'branches', label: t('trigger.push.branches'), patterns: rule.branches });
  const tags = patternsEditor({ path: 'tags', label: t('trigger.push.tags'), patterns: rule.tags });
  const more = moreOf(rule, { hasPaths: true });
  return {
    element: h('div', { class: 'stack' }, branches.element, tags.element, more.element),
    value: () => ({ ...some('branches', branches.value()), ...some('tags', tags.value()), ...more.value() }),
  };
}

function some(name, value) {
  return value === undefined ? {} : { [name]: value };
}
