/**
 * What the keys do.
 */

import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { openDialog } from './dialog.js';

const KEYS = [
  [['/'], 'help.search'],
  [['g', 'a'], 'help.applications'],
  [['g', 'n'], 'help.new'],
  [['g', 's'], 'help.settings'],
  [['g', 't'], 'help.tokens'],
  [['?'], 'help.help'],
  [['Enter'], 'help.next'],
  [['Shift', 'Enter'], 'help.previous'],
  [['Esc'], 'help.close'],
];

/** Opens the help. */
export function showHelp() {
  openDialog({
    title: t('help.title'),
    content: [
      h('dl', { class: 'keys' }, KEYS.map(([keys, text]) => [
        h('dt', {}, keys.map((key) => h('kbd', {}, key))),
        h('dd', {}, t(text)),
      ])),
      h('p', { class: 'muted' }, h('a', { href: '/docs/' }, t('help.docs'))),
    ],
  });
}
