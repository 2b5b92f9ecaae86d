/**
 * What starts a deployment.
 */

import { form } from '../../../components/field.js';
import { partHead } from '../../../components/thing.js';
import { toast } from '../../../components/toast.js';
import { post } from '../../../lib/api.js';
import { h } from '../../../lib/dom.js';
import { t } from '../../../lib/i18n.js';
import { triggerEditor } from '../../../trigger/editor.js';

/**
 * @param {Object} application
 * @returns {Array<Node>}
 */
export function triggerPart(application) {
  const editor = triggerEditor({
    provider: () => application.provider,
    trigger: application.trigger_spec[application.provider],
    application,
  });
  return [
    partHead({ title: t('trigger.title'), hint: t('trigger.hint') }),
    form({
      class: 'panel stack',
      label: t('trigger.title'),
      submit: async () => {
        try {
          await post('/application/update', { appId: application.id, trigger_spec: await editor.value() });
          toast(t('form.saved'));
          return true;
        } catch (error) {
          if (!editor.place(error)) {
            throw error;
          }
          return false;
        }
      },
    },
    editor.element,
    h('div', { class: 'actions' }, h('button', { class: 'button primary', type: 'submit' }, t('trigger.save')))),
  ];
}
