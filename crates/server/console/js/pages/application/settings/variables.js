/**
 * Variables that every step has in its environment.
 */

import { form } from '../../../components/field.js';
import { pairsEditor } from '../../../components/pairs-editor.js';
import { partHead } from '../../../components/thing.js';
import { toast } from '../../../components/toast.js';
import { post } from '../../../lib/api.js';
import { h } from '../../../lib/dom.js';
import { t } from '../../../lib/i18n.js';

/**
 * @param {Object} application
 * @returns {Array<Node>}
 */
export function variablesPart(application) {
  const envs = application.envs ?? {};
  const pairs = pairsEditor({ name: 'envs', pairs: Object.entries(envs).map(([name, value]) => [name, String(value)]) });

  /** A number or a boolean that was not touched stays one. */
  function value() {
    return Object.fromEntries(Object.entries(pairs.value()).map(([name, text]) =>
      [name, name in envs && String(envs[name]) === text ? envs[name] : text]));
  }
  return [
    partHead({ title: t('variables.title'), hint: t('variables.hint') }),
    form({
      class: 'panel stack',
      label: t('variables.title'),
      submit: async () => {
        await post('/application/update', { appId: application.id, envs: value() });
        toast(t('form.saved'));
      },
    },
    pairs.element,
    h('div', { class: 'actions' }, h('button', { class: 'button primary', type: 'submit' }, t('action.save')))),
  ];
}
