/**
 * What can be done with a deployment: again, back to it, cancel it.
 */

import { onceKey, post } from '../lib/api.js';
import { h } from '../lib/dom.js';
import { t } from '../lib/i18n.js';
import { commitLabel, firstLine, refLabel } from './commit.js';
import { confirmDialog } from './dialog.js';
import { toast } from './toast.js';

/**
 * Runs a deployment again, after asking.
 *
 * @param {Object} task
 * @param {{isRollback?: boolean}} options whether it is the way back to an earlier state
 * @returns {Promise<?string>} the id of the new task; `null` when it was not wanted
 */
export async function redeploy(task, { isRollback = false } = {}) {
  const key = onceKey();
  let taskId = null;
  await confirmDialog({
    title: isRollback ? t('rollback.title', { n: task.number }) : t('redeploy.title'),
    text: [
      h('p', {}, isRollback ? t('rollback.text') : t('redeploy.text', { n: task.number })),
      h('p', { class: 'row-line' }, commitLabel(task.commit), refLabel(task.ref), firstLine(task.message)),
    ],
    action: isRollback ? t('deployments.rollback') : t('deployments.redeploy'),
    run: async () => {
      ({ taskId } = await post('/dispatch/redeploy', { taskId: task.id }, { key }));
    },
  });
  return taskId;
}

/**
 * Cancels a deployment, after asking.
 *
 * @param {Object} task
 * @returns {Promise<boolean>} whether it is cancelled or being cancelled
 */
export function cancelTask(task) {
  return confirmDialog({
    title: t('cancel.title', { n: task.number }),
    text: h('p', {}, t('cancel.text')),
    action: t('cancel.do'),
    isDangerous: true,
    run: async () => {
      try {
        await post('/dispatch/cancel', { taskId: task.id });
        toast(t('cancel.done'));
      } catch (error) {
        if (error.status !== 409) {
          throw error;
        }
        toast(t('cancel.late'), 'failure');
      }
    },
  });
}
