/**
 * The secrets of an application, and whether forks have them.
 */

import { confirmDialog } from '../../../components/dialog.js';
import { checkbox } from '../../../components/field.js';
import { secretList } from '../../../components/secret-list.js';
import { partHead } from '../../../components/thing.js';
import { errorToast, toast } from '../../../components/toast.js';
import { get, post } from '../../../lib/api.js';
import { h } from '../../../lib/dom.js';
import { t } from '../../../lib/i18n.js';

/**
 * @param {Object} application
 * @returns {Array<Node>}
 */
export function secretsPart(application) {
  const appId = application.id;
  const change = (changes) => post('/application/update', { appId, secret_changes: changes });
  const { list, button } = secretList({
    label: t('new.secrets'),
    names: Object.keys(application.secrets ?? {}),
    empty: t('secrets.empty'),
    set: (name, value) => change({ [name]: value }),
    drop: (name) => change({ [name]: null }),
    reload: async () => Object.keys((await get('/application/detail', { id: appId })).secrets ?? {}),
  });
  return [
    partHead({ title: t('new.secrets'), hint: t('new.secrets.hint'), tools: button }),
    list,
    h('div', { class: 'after' }, forkSwitch(application)),
  ];
}

/** Whoever can open a pull request could read the secrets then: it asks before it is switched on. */
function forkSwitch(application) {
  const element = checkbox({ label: t('secrets.forks'), hint: t('secrets.forks.hint'), checked: application.fork_secrets === true, onchange: change });
  const input = element.querySelector('input');
  const save = (isAllowed) => post('/application/update', { appId: application.id, fork_secrets: isAllowed });

  async function change(isAllowed) {
    try {
      if (isAllowed) {
        input.checked = await confirmDialog({
          title: t('secrets.forks.title'),
          text: h('p', {}, t('secrets.forks.text')),
          action: t('secrets.forks.do'),
          isDangerous: true,
          run: () => save(true),
        });
        return;
      }
      await save(false);
      toast(t('form.saved'));
    } catch (error) {
      input.checked = !isAllowed;
      errorToast(error);
    }
  }
  return element;
}
