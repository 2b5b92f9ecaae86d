/**
 * Which names: none, all, or those that four lists of patterns say.
 */

import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { fieldAt, linesInput, linesOf } from './path.js';

const LISTS = ['precise', 'prefix', 'include', 'exclude'];
const EXAMPLES = { precise: 'main', prefix: 'release', include: 'feature/**', exclude: 'feature/old*' };

/**
 * @param {{path: string, label: string, patterns: ?Object, canBeNone?: boolean, toLine?: function(*): string,
 *   fromLine?: function(string): *}} options `path` is the key in the rule; `toLine` and `fromLine` are for entries
 *   that are no text
 * @returns {{element: HTMLElement, value: function(): ?Object}} `value` gives `undefined` for none
 */
export function patternsEditor({ path, label, patterns, canBeNone = true, toLine = String, fromLine = (line) => line }) {
  const choice = h('select', { onchange: show },
    canBeNone && h('option', { value: 'none' }, t('patterns.none')),
    h('option', { value: 'all' }, t('patterns.all')),
    h('option', { value: 'some' }, t('patterns.some')));
  const isAll = patterns?.prefix?.length === 0 && LISTS.every((it) => !patterns[it]?.length);
  choice.value = isAll ? 'all' : patterns ? 'some' : canBeNone ? 'none' : 'all';
  const boxes = Object.fromEntries(LISTS.map((it) => [it, linesInput(patterns?.[it]?.map(toLine), { placeholder: EXAMPLES[it] })]));
  const lists = h('div', { class: 'fields lists' }, LISTS.map((it) =>
    fieldAt(it, { label: t(`patterns.${it}`), control: boxes[it], hint: t(`patterns.${it}.hint`) })));
  const element = h('div', { class: 'stack', 'data-path': path },
    fieldAt('', { label, control: choice }), lists);
  show();

  function show() {
    lists.hidden = choice.value !== 'some';
  }

  function value() {
    if (choice.value !== 'some') {
      // An empty list of prefixes that is written out means every name.
      return choice.value === 'all' ? { prefix: [] } : undefined;
    }
    const found = LISTS.map((it) => [it, linesOf(boxes[it]).map(fromLine)]).filter(([, lines]) => lines.length > 0);
    return Object.fromEntries(found);
  }
  return { element, value };
}
