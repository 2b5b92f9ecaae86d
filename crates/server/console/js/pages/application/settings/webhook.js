/**
 * The webhook: where the host is to send to, and whether it does.
 */

import { confirmDialog } from '../../../components/dialog.js';
import { copyField } from '../../../components/copy.js';
import { partHead } from '../../../components/thing.js';
import { errorToast } from '../../../components/toast.js';
import { get, post } from '../../../lib/api.js';
import { fill, h, icon, sentence } from '../../../lib/dom.js';
import { t } from '../../../lib/i18n.js';

/**
 * @param {Object} application
 * @returns {Array<Node>}
 */
export function webhookPart(application) {
  const panel = h('div', { class: 'panel stack' });
  draw(application.webhook);

  function draw(webhook) {
    if (!webhook) {
      fill(panel, h('p', { class: 'muted' }, t('webhook.none')));
      return;
    }
    const { isInstalled, problem } = webhook;
    fill(panel,
      h('p', { class: 'row-line' },
        h('span', { class: ['badge', isInstalled ? 'state-success' : 'state-none'] },
          icon(isInstalled ? 'success' : 'none'), t(isInstalled ? 'webhook.installed' : 'webhook.notInstalled'))),
      problem && h('div', { class: 'note warn', role: 'status' }, icon('warning'), h('span', {}, sentence(problem))),
      copyField({ label: t('new.webhook.url'), value: webhook.url }),
      !isInstalled && h('p', { class: 'hint' }, t(application.provider === 'git' ? 'webhook.manual.git' : 'webhook.manual')),
      application.provider !== 'git' && h('div', { class: 'actions' },
        h('button', { class: 'button', type: 'button', onclick: (event) => install(event.currentTarget) },
          icon('webhook'), t(isInstalled ? 'webhook.again' : 'webhook.install')),
        isInstalled && h('button', { class: 'button', type: 'button', onclick: remove }, icon('trash'), t('webhook.remove')),
        h('a', { href: '/settings/providers' }, t('webhook.accounts'))));
  }

  const set = (isWanted) => post('/application/update', { appId: application.id, install_webhook: isWanted });
  const reload = async () => draw((await get('/application/detail', { id: application.id })).webhook);

  async function install(button) {
    button.disabled = true;
    try {
      await set(true);
      await reload();
    } catch (error) {
      errorToast(error);
    } finally {
      button.disabled = false;
    }
  }

  async function remove() {
    const isDone = await confirmDialog({
      title: t('webhook.remove.title'),
      text: h('p', {}, t('webhook.remove.text')),
      action: t('webhook.remove'),
      isDangerous: true,
      run: () => set(false),
    });
    if (isDone) {
      await reload().catch(errorToast);
    }
  }
  return [partHead({ title: t('new.webhook'), hint: t('webhook.hint') }), panel];
}
