/**
 * The end of an application.
 */

import { confirmDialog } from '../../../components/dialog.js';
import { partHead } from '../../../components/thing.js';
import { toast } from '../../../components/toast.js';
import { remove } from '../../../lib/api.js';
import { foreign, h, icon } from '../../../lib/dom.js';
import { t, tNodes } from '../../../lib/i18n.js';
import { navigate } from '../../../lib/router.js';

/**
 * @param {Object} application
 * @returns {Array<Node>}
 */
export function dangerPart(application) {
  const name = `${application.owner}/${application.repo_name}`;
  async function ask() {
    const isDone = await confirmDialog({
      title: t('delete.title'),
      text: [
        h('p', {}, tNodes('delete.text', { name: foreign(name) })),
        application.webhook?.isInstalled && h('p', {}, t('delete.webhook')),
      ],
      action: t('delete.do'),
      isDangerous: true,
      typed: name,
      run: () => remove('/application/delete', { appId: application.id }),
    });
    if (isDone) {
      toast(t('delete.done'));
      await navigate('/', { isAsking: false });
    }
  }
  return [
    partHead({ title: t('delete.head') }),
    h('div', { class: 'panel danger-panel' },
      h('p', { class: 'muted' }, t('delete.hint')),
      h('button', { class: 'button danger', type: 'button', onclick: ask }, icon('trash'), t('delete.do'))),
  ];
}
