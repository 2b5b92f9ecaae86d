/**
 * Which pull requests: by type, target and source, and in the older form by target alone.
 */

import { checkbox } from '../components/field.js';
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { moreOf } from './path.js';
import { patternsEditor } from './patterns.js';

const TYPES = ['opened', 'reopened', 'synchronize', 'merged', 'closed'];

/**
 * @param {Object} rule
 * @returns {{element: HTMLElement, value: function(): Object}}
 */
export function pullRequestsEditor(rule) {
  const types = TYPES.map((it) => checkbox({ label: t(`trigger.pull.${it}`), checked: rule.types?.includes(it) ?? false }));
  const branches = patternsEditor({
    path: 'branches',
    label: t('trigger.pull.branches'),
    patterns: rule.branches,
    canBeNone: false,
    toLine: ({ target, source }) => (source ? `${target} <- ${source}` : target),
    fromLine: pairOf,
  });
  const more = moreOf(rule, { hasPaths: false });
  const element = h('div', { class: 'stack' },
    h('fieldset', { class: 'radios' },
      h('legend', {}, t('trigger.pull.types')),
      h('div', { class: 'row-line' }, types),
      h('span', { class: 'hint' }, t('trigger.pull.types.hint'))),
    branches.element,
    h('p', { class: 'hint' }, t('trigger.pull.pairs.hint')),
    more.element);

  function value() {
    const chosen = TYPES.filter((_, place) => types[place].querySelector('input').checked);
    return { ...(chosen.length ? { types: chosen } : {}), branches: branches.value(), ...more.value() };
  }
  return { element, value };
}

/** `target`, or `target <- source`. */
function pairOf(line) {
  const [target, source] = line.split(/\s*(?:<-|←)\s*/);
  return source ? { target, source } : { target };
}

/**
 * @param {Object} rule of the older form
 * @returns {{element: HTMLElement, value: function(): Object}}
 */
export function targetsEditor(rule) {
  const branches = patternsEditor({ path: 'branches', label: t('trigger.pr.branches'), patterns: rule.branches, canBeNone: false });
  const more = moreOf(rule, { hasPaths: false });
  return {
    element: h('div', { class: 'stack' }, branches.element, more.element),
    value: () => ({ branches: branches.value(), ...more.value() }),
  };
}
