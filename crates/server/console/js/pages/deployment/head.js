/**
 * What a deployment is and where it stands, above its steps.
 */

import { commitLabel, firstLine, refLabel } from '../../components/commit.js';
import { isFinal, statusBadge, taskState } from '../../components/status.js';
import { cancelTask, redeploy } from '../../components/task-actions.js';
import { foreign, h, icon, sentence, visible } from '../../lib/dom.js';
import { t } from '../../lib/i18n.js';
import { markdown } from '../../lib/markdown.js';
import { navigate } from '../../lib/router.js';
import { ago, duration, taskSeconds } from '../../lib/time.js';

/**
 * @param {Object} task
 * @param {Object} application
 * @param {function(): void} reload
 * @returns {Array<Node>}
 */
export function deploymentHead(task, application, reload) {
  return [
    h('nav', { class: 'crumbs', 'aria-label': t('nav.crumbs') },
      h('a', { href: '/' }, t('nav.applications')), h('span', {}, '/'),
      h('a', { href: `/applications/${task.app_id}` }, foreign(`${task.owner}/${task.repo_name}`))),
    h('div', { class: 'deployment-head' },
      h('div', {},
        h('h1', {}, firstLine(task.message), ' ', h('span', { class: 'muted' }, `#${task.number}`))),
      h('div', { class: 'tools' }, actions(task, application, reload))),
    facts(task, application),
    task.error && h('div', { class: 'note danger', role: 'alert' }, icon('failure'), h('span', {}, sentence(task.error))),
    taskState(task) === 'cancelling' && h('div', { class: 'note warn' }, icon('spinner', 'spin'), t('deployment.cancelling')),
  ];
}

function actions(task, application, reload) {
  if (!isFinal(task.status)) {
    const isCancelling = taskState(task) === 'cancelling';
    return h('button', { class: 'button', type: 'button', disabled: isCancelling, onclick: async () => {
      if (await cancelTask(task)) {
        reload();
      }
    } }, icon('stop'), isCancelling ? t('status.cancelling') : t('deployments.cancel'));
  }
  const isRollback = task.status === 'success' && application.latest_task && application.latest_task.taskId !== task.id;
  return h('button', { class: 'button', type: 'button', onclick: async () => {
    const taskId = await redeploy(task, { isRollback });
    if (taskId) {
      await navigate(`/deployments/${taskId}`);
    }
  } }, icon(isRollback ? 'rollback' : 'redo'), t(isRollback ? 'deployments.rollback' : 'deployments.redeploy'));
}

function facts(task, application) {
  const seconds = taskSeconds(task);
  const pusher = task.event?.pusher;
  const pull = task.event?.pullRequest;
  const fact = (label, ...content) => h('div', {}, h('dt', {}, label), h('dd', {}, content));
  return h('dl', { class: 'facts panel deployment-facts' },
    fact(t('deployments.filter'), h('span', { role: 'status', 'aria-live': 'polite' }, statusBadge(taskState(task)))),
    task.ref && fact(t('deployment.ref'), refLabel(task.ref)),
    fact(t('deployment.commit'), commitLabel(task.commit, application)),
    fact(t('deployment.trigger'), t(`trigger.type.${task.triggerType}`)),
    pusher?.name && fact(t('deployment.who'), foreign(pusher.name)),
    pull && fact(t('deployment.pull'), foreign(`#${pull.number} ${pull.title}`)),
    fact(t('deployment.created'), ago(task.created_time)),
    seconds !== null && fact(t('deployment.duration'), h('span', { class: 'task-time' }, duration(seconds))),
    task.deliveryId && fact(t('deployment.delivery'),
      h('a', { href: `/applications/${task.app_id}/deliveries/${task.deliveryId}` }, t('deployment.delivery.link'))),
    task.isFork && h('div', {}, h('span', { class: 'pill' }, t('deployment.fork'))),
    task.useDebug && h('div', {}, h('span', { class: 'pill' }, t('deployment.debug'))));
}

/**
 * What a deployment was given, and what its steps say of it.
 *
 * @param {Object} task
 * @returns {Array<Node>}
 */
export function deploymentNotes(task) {
  const hasInputs = Object.keys(task.inputs ?? {}).length > 0;
  return [
    task.summary && h('section', { class: 'panel summary' }, h('h2', {}, t('deployment.summary')), markdown(task.summary)),
    hasInputs && h('details', { class: 'panel inputs' },
      h('summary', {}, t('deployment.inputs')),
      h('pre', { class: 'json', tabindex: '0' }, visible(JSON.stringify(task.inputs, null, 2)))),
  ];
}
